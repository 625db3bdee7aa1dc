import { optionalTimeout } from '../core/deadline.js';
import type { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { integer, optionalSignal, optionsObject } from '../core/validate.js';
import { type Classification, ranked } from '../image/classify.js';
import { normalize, similarity } from '../vectors/index.js';
import type { LogitScale } from './lane/protocol.js';
import type { ZeroShotOptions } from './options.js';

/** What a label is put into unless the caller says otherwise: that of transformers' zero-shot pipeline. */
export const DEFAULT_TEMPLATE = 'This is a photo of {}.';

/** What is asked about pictures or sounds. */
export interface ZeroShotPlan {
  labels: string[];
  /** Every label in every template. */
  prompts: string[];
  topK: number;
  signal: AbortSignal | undefined;
  timeout: number | undefined;
}

/**
 * @param template for labels, unless the options have others
 * @throws {EmbedlaneError} `ERR_INVALID_ARG`
 */
export function checkZeroShot(
  labels: unknown,
  options: ZeroShotOptions | undefined,
  template: string,
): ZeroShotPlan {
  const given = optionsObject<ZeroShotOptions>('options', options, [
    'templates',
    'topK',
    'signal',
    'timeout',
  ]);
  const names = checkLabels(labels);
  return {
    labels: names,
    prompts: prompts(names, checkTemplates(given.templates ?? template)),
    topK: integer('topK', given.topK ?? names.length, 1, Number.MAX_SAFE_INTEGER),
    signal: optionalSignal('signal', given.signal),
    timeout: optionalTimeout('timeout', given.timeout),
  };
}

/**
 * Labels with their probabilities, best first.
 *
 * @param vectors a row for each picture or sound
 * @param prompts unit vectors of the plan's prompts
 * @param probabilities of logits
 */
export function rankLabels(
  { labels, topK }: ZeroShotPlan,
  vectors: Embeddings,
  prompts: Embeddings,
  { scale, bias }: LogitScale,
  probabilities: (logits: Float64Array) => Float64Array,
): Classification[][] {
  const { dims } = prompts;
  const classes = normalize({
    data: averagePrompts(prompts.data as Float32Array, labels.length, dims),
    rows: labels.length,
    dims,
  });
  const cosines = similarity(vectors, classes, { metric: 'cosine' });
  return Array.from({ length: cosines.rows }, (_, row) => {
    const values = cosines.data.subarray(row * cosines.cols, (row + 1) * cosines.cols);
    const logits = Float64Array.from(values, (cosine) => cosine * scale + bias);
    return ranked(probabilities(logits), labels, topK);
  });
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` unless it is a list of at least one non-empty string */
function checkLabels(labels: unknown): string[] {
  if (!Array.isArray(labels)) throw invalidArgument('labels', 'an array of strings', labels);
  if (labels.length === 0) throw invalidArgument('labels', 'at least one label', labels);
  labels.forEach((label, i) => {
    if (typeof label !== 'string' || label === '') throw invalidArgument(`labels[${i}]`, 'a string', label);
  });
  return [...labels];
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` unless every template has a `{}` */
function checkTemplates(templates: unknown): string[] {
  const list = typeof templates === 'string' ? [templates] : templates;
  if (!Array.isArray(list) || list.length === 0) {
    throw invalidArgument('templates', 'an array of at least one string', templates);
  }
  list.forEach((template, i) => {
    if (typeof template === 'string' && template.includes('{}')) return;
    throw invalidArgument(`templates[${i}]`, "a string with '{}' in the label's place", template);
  });
  return [...list];
}

/** Every label in every template, template by template. */
function prompts(labels: readonly string[], templates: readonly string[]): string[] {
  return templates.flatMap((template) => labels.map((label) => template.replaceAll('{}', () => label)));
}

/**
 * One unit vector per label: the mean of its prompts' unit vectors, as OpenAI's prompt ensembles are.
 *
 * @param rows unit vectors of {@link prompts}, row-major
 */
function averagePrompts(rows: Float32Array, labels: number, dims: number): Float32Array {
  const out = new Float32Array(labels * dims);
  for (let i = 0; i < rows.length; i++) out[i % out.length] += rows[i];
  return out;
}

/** Cosines of one picture with every label, as probabilities. */
export function sigmoid(logits: ArrayLike<number>): Float64Array {
  return Float64Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
}

export function unknownScale(): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    'Expected a joint model.onnx beside the two graphs, to find the logit scale and bias in, but found none; ' +
      'give the options logitScale and logitBias',
  );
}
