import type { Encoding } from 'tokenizers';
import type { OutputVectors, TokenBatch } from '../../runtime/session.js';
import { utf16Offsets } from './offsets.js';
import type { Spans } from './protocol.js';

/** `[first, end)` tokens of a sequence. */
export type TokenSpan = readonly [first: number, end: number];

/**
 * The tokens of each span of each text: those that share a character with it, special ones left out.
 *
 * @param texts what was encoded: a prompt of `promptLength` units and the text that the spans count in
 */
export function tokenSpans(
  texts: readonly string[],
  encodings: readonly Encoding[],
  promptLength: number,
  spans: readonly Spans[],
): TokenSpan[][] {
  return texts.map((text, i) => {
    const offsets = utf16Offsets(text, encodings[i].getOffsets());
    const special = encodings[i].getSpecialTokensMask();
    return Array.from({ length: spans[i].length / 2 }, (_, span) => {
      const [start, end] = spans[i].subarray(2 * span, 2 * span + 2);
      return tokensWithin(offsets, special, start + promptLength, end + promptLength);
    });
  });
}

function tokensWithin(offsets: readonly number[], special: readonly number[], start: number, end: number) {
  const inside = (token: number) =>
    special[token] === 0 && offsets[2 * token + 1] > start && offsets[2 * token] < end;
  const tokens = Array.from(special.keys()).filter(inside);
  // Characters that make tokens by themselves may make none beside others; the text's own tokens then stand for them.
  if (tokens.length === 0) return [0, special.length] as const;
  return [tokens[0], tokens[tokens.length - 1] + 1] as const;
}

/** The mean of the vectors of each span's tokens, a row each, sequence by sequence. */
export function spanMeans(
  { batch, sequence, mask }: TokenBatch,
  { data, dims }: OutputVectors,
  spans: readonly TokenSpan[][],
): OutputVectors {
  const out = new Float32Array(spans.reduce((sum, { length }) => sum + length, 0) * dims);
  const sums = new Float64Array(dims);
  let row = 0;
  for (let text = 0; text < batch; text++) {
    const start = mask.indexOf(1, text * sequence);
    for (const [first, end] of spans[text]) {
      sums.fill(0);
      for (let token = start + first; token < start + end; token++) {
        const from = token * dims;
        for (let d = 0; d < dims; d++) sums[d] += data[from + d];
      }
      for (let d = 0; d < dims; d++) out[row * dims + d] = sums[d] / (end - first);
      row++;
    }
  }
  return { data: out, dims };
}
