import type { Encoding } from 'tokenizers';
import type { TokenBatch, TokenSession } from '../../runtime/session.js';
import type { Side } from '../config/index.js';
import type { Padding } from './tokenizer.js';

/** Tokens of one text as the graph gets them. */
export interface Sequence {
  ids: Int32Array;
  /** Undefined where all are zero. */
  typeIds: Int32Array | undefined;
}

/** Where a call cuts texts, instead of at the model's own limit. */
export interface Truncation {
  maxTokens: number;
  side: Side;
}

/**
 * @param withTypeIds whether the graph needs them
 * @param truncation cuts further than the tokenizer did; special tokens at the ends stay
 */
export function toSequence(
  encoding: Encoding,
  withTypeIds: boolean,
  truncation: Truncation | undefined,
): Sequence {
  const kept = truncation ? keptTokens(encoding, truncation) : undefined;
  const take = (values: number[]) => Int32Array.from(kept ? kept.map((index) => values[index]) : values);
  return {
    ids: take(encoding.getIds()),
    typeIds: withTypeIds ? take(encoding.getTypeIds()) : undefined,
  };
}

/** Indices of the tokens that stay, or undefined for all: as the tokenizer library cuts single texts. */
function keptTokens(encoding: Encoding, { maxTokens, side }: Truncation): number[] | undefined {
  const length = encoding.getLength();
  if (length <= maxTokens) return undefined;
  const special = encoding.getSpecialTokensMask();
  const content = special.flatMap((flag, index) => (flag ? [] : [index]));
  const room = Math.max(0, maxTokens - (length - content.length));
  const stays = new Set(side === 'left' ? content.slice(content.length - room) : content.slice(0, room));
  return special.flatMap((flag, index) => (flag || stays.has(index) ? [index] : []));
}

/** Cuts sequences, longest first, into such as may share a run of the graph, in their order. */
export function sharedRuns(
  session: Pick<TokenSession, 'runsOne' | 'takes'>,
  sequences: readonly Pick<Sequence, 'ids'>[],
): [from: number, to: number][] {
  if (session.runsOne) return sequences.map((_, i) => [i, i + 1]);
  return session.takes('attention_mask') ? [[0, sequences.length]] : equalLengths(sequences);
}

/**
 * Where sequences of equal length begin and end, longest first: a graph without `attention_mask` takes padding for
 * tokens, so only those that need none may share a run.
 */
function equalLengths(sequences: readonly Pick<Sequence, 'ids'>[]): [from: number, to: number][] {
  const starts = [...sequences.keys()].filter(
    (i) => i === 0 || sequences[i].ids.length !== sequences[i - 1].ids.length,
  );
  return starts.map((from, i) => [from, starts[i + 1] ?? sequences.length]);
}

/** Pads sequences, longest first, to a rectangle. */
export function padSequences(
  sequences: readonly Sequence[],
  { id, typeId, side }: Padding,
  withTypeIds: boolean,
): TokenBatch {
  const batch = sequences.length;
  // A tokenizer without special tokens makes no token of '', and a graph needs one: it gets padding.
  const sequence = Math.max(1, sequences[0].ids.length);
  const ids = new Int32Array(batch * sequence).fill(id);
  const mask = new Uint8Array(batch * sequence);
  const typeIds = new Int32Array(batch * sequence).fill(withTypeIds ? typeId : 0);
  sequences.forEach((tokens, row) => {
    const { length } = tokens.ids;
    const start = row * sequence + (side === 'left' ? sequence - length : 0);
    ids.set(tokens.ids, start);
    mask.fill(1, start, start + length);
    if (tokens.typeIds) typeIds.set(tokens.typeIds, start);
  });
  return { batch, sequence, ids, mask, typeIds };
}
