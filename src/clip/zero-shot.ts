import { EmbedlaneError, invalidArgument } from '../core/errors.js';

/** What a label is put into unless the caller says otherwise: that of transformers' zero-shot pipeline. */
export const DEFAULT_TEMPLATE = 'This is a photo of {}.';

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` unless it is a list of at least one non-empty string */
export function checkLabels(labels: unknown): string[] {
  if (!Array.isArray(labels)) throw invalidArgument('labels', 'an array of strings', labels);
  if (labels.length === 0) throw invalidArgument('labels', 'at least one label', labels);
  labels.forEach((label, i) => {
    if (typeof label !== 'string' || label === '') throw invalidArgument(`labels[${i}]`, 'a string', label);
  });
  return [...labels];
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` unless every template has a `{}` */
export function checkTemplates(templates: unknown = [DEFAULT_TEMPLATE]): string[] {
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
export function prompts(labels: readonly string[], templates: readonly string[]): string[] {
  return templates.flatMap((template) => labels.map((label) => template.replaceAll('{}', () => label)));
}

/**
 * One unit vector per label: the mean of its prompts' unit vectors, as OpenAI's prompt ensembles are.
 *
 * @param rows unit vectors of {@link prompts}, row-major
 */
export function averagePrompts(rows: Float32Array, labels: number, dims: number): Float32Array {
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
