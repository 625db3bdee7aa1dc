import { EmbedlaneError } from '../../core/errors.js';
import type { NativeBinding } from '../../native/binding.js';
import { loadBinding } from '../../native/load.js';
import type { GraphOutput, OutputVectors, RunOutputs, TokenBatch } from '../../runtime/session.js';
import type { LibraryTokenizer } from '../../text/lane/library-tokenizer.js';
import { Dense } from '../../text/lane/modules/dense.js';
import { m3Head } from './m3.js';
import type { Field, HeadParams } from './protocol.js';

/** What is made of a run's outputs. */
export interface Head {
  /** Names of the outputs that it needs. */
  outputs: string[];
  /** Widths that a short text's fields do not tell. */
  widths?: Record<string, number>;
  /** @param kept `[batch, sequence]`, non-zero for tokens whose vectors count */
  fields(batch: TokenBatch, outputs: RunOutputs, kept: Uint8Array): Record<string, Field>;
}

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the graph lacks what the head needs */
export async function openHead(
  params: HeadParams,
  outputs: readonly GraphOutput[],
  tokenizer: LibraryTokenizer,
  vocabulary: number | undefined,
): Promise<Head> {
  const binding = loadBinding();
  switch (params.kind) {
    case 'scores':
      return scoresHead(requireOutput(outputs, ['logits', 'scores'], 2, 'a reranker'));
    case 'sparse':
      return sparseHead(
        params,
        requireOutput(outputs, ['logits', 'token_embeddings'], 3, 'a sparse model'),
        binding,
        vocabulary,
      );
    case 'tokens': {
      const output = requireOutput(
        outputs,
        ['last_hidden_state', 'token_embeddings'],
        3,
        'a late-interaction model',
      );
      return tokensHead(
        await Promise.all(params.dense.map((dense) => Dense.open(dense, binding))),
        output,
        params.normalize,
        binding,
      );
    }
    case 'm3':
      return m3Head(params, outputs, tokenizer, binding);
  }
}

/** Outputs whose names say what they are: never what another name is sought for. */
const NAMED = ['pooler_output', 'sentence_embedding', 'logits'];

/** The first of these names that the graph has, else its only output of that rank, unless that is something else. */
export function requireOutput(
  outputs: readonly GraphOutput[],
  names: readonly string[],
  rank: number,
  what: string,
): string {
  const named = names.find((name) => outputs.some((output) => output.name === name && output.rank === rank));
  const ranked = outputs.filter((output) => output.rank === rank);
  if (named !== undefined) return named;
  if (ranked.length === 1 && !NAMED.includes(ranked[0].name)) return ranked[0].name;
  const found = outputs.map(({ name, rank: actual }) => `${name} of rank ${actual}`).join(', ');
  throw new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected an output ${names[0]} of rank ${rank}, as ${what} has it, of the ONNX graph but it has ${found}`,
  );
}

function scoresHead(output: string): Head {
  return {
    outputs: [output],
    fields(batch, outputs) {
      const { data, dims } = outputs.textVectors(output);
      return { scores: { lengths: new Uint32Array(batch.batch).fill(dims), values: data.slice() } };
    },
  };
}

/** SPLADE: the weight of a word is log(1 + relu(logit)), at most or in all over the tokens. */
function sparseHead(
  { strategy, activation }: HeadParams & { kind: 'sparse' },
  output: string,
  binding: NativeBinding,
  vocabulary: number | undefined,
): Head {
  const once = (logit: number) => Math.log1p(Math.max(0, logit));
  const weight = activation === 'relu' ? once : (logit: number) => Math.log1p(once(logit));
  const widths: Record<string, number> = {};
  return {
    outputs: [output],
    widths,
    fields(batch, outputs) {
      const logits = outputs.tokenVectors(output);
      widths.sparse = logits.dims;
      if (output !== 'logits' && vocabulary !== undefined && logits.dims !== vocabulary)
        throw noLogits(output, logits.dims, vocabulary);
      // A growing function of the logit, so that the largest weight is that of the largest logit.
      const rows =
        strategy === 'max'
          ? binding
              .pool(logits.data, batch.mask, batch.batch, batch.sequence, logits.dims, ['max'], false, null)
              .map(weight)
          : summed(batch, logits, weight);
      return { sparse: nonZero(rows, logits.dims) };
    },
  };
}

function noLogits(output: string, dims: number, vocabulary: number): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected logits over the vocabulary's ${vocabulary} tokens, as a sparse model has them, but the ONNX graph's output ` +
      `'${output}' has a width of ${dims}`,
  );
}

function summed(
  { batch, sequence, mask }: TokenBatch,
  { data, dims }: OutputVectors,
  weight: (logit: number) => number,
): Float32Array {
  const sums = new Float64Array(batch * dims);
  for (let token = 0; token < batch * sequence; token++) {
    if (mask[token] === 0) continue;
    const row = Math.floor(token / sequence) * dims;
    for (let d = 0; d < dims; d++) sums[row + d] += weight(data[token * dims + d]);
  }
  return Float32Array.from(sums);
}

function nonZero(rows: Float32Array, dims: number): Field {
  const lengths = new Uint32Array(rows.length / dims);
  const indices: number[] = [];
  const values: number[] = [];
  rows.forEach((value, i) => {
    if (value === 0) return;
    lengths[Math.floor(i / dims)]++;
    indices.push(i % dims);
    values.push(value);
  });
  return { lengths, indices: Uint32Array.from(indices), values: Float32Array.from(values) };
}

function tokensHead(
  layers: readonly Dense[],
  output: string,
  normalize: boolean,
  binding: NativeBinding,
): Head {
  const widths: Record<string, number> = {};
  return {
    outputs: [output],
    widths,
    fields(batch, outputs, kept) {
      const vectors = keptRows(outputs.tokenVectors(output), kept);
      const { data, dims } = layers.reduce((rows, layer) => layer.apply(rows), vectors);
      if (normalize) binding.normalizeRows(data, dims);
      widths.tokens = dims;
      return { tokens: { lengths: keptLengths(batch, kept).map((count) => count * dims), values: data } };
    },
  };
}

/** Vectors of the tokens that count, copied. */
export function keptRows({ data, dims }: OutputVectors, kept: Uint8Array): OutputVectors {
  const out = new Float32Array(kept.reduce((sum, flag) => sum + flag, 0) * dims);
  let to = 0;
  kept.forEach((flag, token) => {
    if (flag === 0) return;
    out.set(data.subarray(token * dims, (token + 1) * dims), to);
    to += dims;
  });
  return { data: out, dims };
}

export function keptLengths({ batch, sequence }: TokenBatch, kept: Uint8Array): Uint32Array {
  return Uint32Array.from({ length: batch }, (_, row) =>
    kept.subarray(row * sequence, (row + 1) * sequence).reduce((sum, flag) => sum + flag, 0),
  );
}
