import { basename } from 'node:path';
import type { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { TextEmbedder } from '../text-embedder.js';
import type { Golden, GoldenCall, GoldenCase } from './golden.js';

/** How far vectors may be from a golden's. */
export interface Tolerance {
  /** Least cosine between a vector and its golden. */
  cosine: number;
  /** Largest difference of a component, after both vectors were scaled to length 1. */
  difference: number;
}

/** How one case of a golden came out. */
export interface CaseReport {
  name: string;
  texts: number;
  /** Texts whose token ids differ; undefined if the golden has none. */
  differentIds: number[] | undefined;
  /** Smallest cosine, and the text that has it. */
  cosine: number;
  worstText: number;
  difference: number;
  passed: boolean;
}

export interface ParityReport {
  modelFile: string;
  tolerance: Tolerance;
  cases: CaseReport[];
  passed: boolean;
}

const METHODS = { encode: 'encode', encode_query: 'encodeQuery', encode_document: 'encodeDocument' } as const;

/**
 * What the arithmetic of a file allows: float32 reaches 1e-6; weights rounded to 16 bits move components by up to
 * 2e-4 in a model of six layers; quantised weights are another model, near the first.
 */
export function toleranceOf(modelFile: string): Tolerance {
  const name = basename(modelFile);
  if (/int8|quantized|q4|bnb4/.test(name)) return { cosine: 0.98, difference: Number.POSITIVE_INFINITY };
  if (/fp16|O4/.test(name)) return { cosine: 0.99999, difference: 5e-4 };
  return { cosine: 0.99999, difference: 1e-4 };
}

/**
 * Compares a model with what it computed elsewhere.
 *
 * @throws {EmbedlaneError} `ERR_DIMENSION` if the vectors have another width than the golden's; what `encode` throws
 */
export async function compareWithGolden(
  model: TextEmbedder,
  golden: Golden,
  options: Partial<Tolerance> & { signal?: AbortSignal } = {},
): Promise<ParityReport> {
  const { signal, ...wished } = options;
  const byFile = toleranceOf(model.modelFile);
  const tolerance = {
    cosine: wished.cosine ?? byFile.cosine,
    difference: wished.difference ?? byFile.difference,
  };
  const cases: CaseReport[] = [];
  for (const item of golden.cases) cases.push(await compareCase(model, item, tolerance, signal));
  return { modelFile: model.modelFile, tolerance, cases, passed: cases.every(({ passed }) => passed) };
}

async function compareCase(
  model: TextEmbedder,
  item: GoldenCase,
  tolerance: Tolerance,
  signal: AbortSignal | undefined,
): Promise<CaseReport> {
  const { call, texts, prompt, promptName, normalize, truncateDim, inputIds, embeddings } = item;
  const name = describeCase(call, item);
  const differentIds = inputIds ? await compareIds(model, texts, inputIds) : undefined;
  const actual: Embeddings = await model[METHODS[call]](texts, {
    prompt,
    promptName,
    normalize,
    truncateDim,
    signal,
  });
  if (texts.length > 0 && actual.dims !== embeddings[0].length) {
    throw new EmbedlaneError(
      'ERR_DIMENSION',
      `Expected vectors of ${embeddings[0].length} dimensions, as the golden has them for ${name}, but the model's have ${actual.dims}`,
    );
  }
  let cosine = 1;
  let difference = 0;
  let worstText = 0;
  embeddings.forEach((expected, i) => {
    const row = compareRow(actual.row(i), expected);
    if (row.cosine < cosine) [cosine, worstText] = [row.cosine, i];
    difference = Math.max(difference, row.difference);
  });
  const near = cosine >= tolerance.cosine && difference <= tolerance.difference;
  const passed = near && (differentIds?.length ?? 0) === 0;
  return { name, texts: texts.length, differentIds, cosine, worstText, difference, passed };
}

/** The call as it would be written in Python. */
function describeCase(call: GoldenCall, { prompt, promptName, normalize, truncateDim }: GoldenCase): string {
  const parts = [
    prompt === undefined ? '' : `prompt=${JSON.stringify(prompt)}`,
    promptName === undefined ? '' : `prompt_name=${JSON.stringify(promptName)}`,
    normalize ? 'normalize_embeddings=True' : '',
    truncateDim === undefined ? '' : `truncate_dim=${truncateDim}`,
  ];
  return `${call}(${parts.filter(Boolean).join(', ')})`;
}

/** @returns indices of the texts that differ */
async function compareIds(model: TextEmbedder, texts: string[], expected: number[][]): Promise<number[]> {
  const actual = await model.tokenize(texts);
  return texts.flatMap((_, i) => (actual[i].ids.join() === expected[i].join() ? [] : [i]));
}

/** Two vectors of zeros are equal. */
function compareRow(actual: Float32Array, expected: number[]): { cosine: number; difference: number } {
  const a = Math.hypot(...actual);
  const b = Math.hypot(...expected);
  if (a === 0 || b === 0) return { cosine: a === b ? 1 : 0, difference: a === b ? 0 : 1 };
  let product = 0;
  let difference = 0;
  expected.forEach((value, d) => {
    product += actual[d] * value;
    difference = Math.max(difference, Math.abs(actual[d] / a - value / b));
  });
  // Rounding may take the cosine of a vector with itself beyond 1.
  return { cosine: Math.min(1, product / (a * b)), difference };
}
