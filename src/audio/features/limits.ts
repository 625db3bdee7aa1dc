import type { JsonObject } from '../../core/json-file.js';

/** More than any model has: a damaged file must not say how much memory is taken. */
export const FEATURE_LIMITS = { mels: 1024, sampleRate: 768_000, fftSize: 16_384, seconds: 3600 };

/** Values of a window, as samples or as features: 256 MB. */
const MAX_VALUES = 2 ** 26;

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if a window of the features takes too much memory */
export function requireWindow<Features extends { windowSamples: number; hop: number; mels: number }>(
  file: JsonObject | undefined,
  features: Features,
): Features {
  const { windowSamples, hop, mels } = features;
  const values = Math.max(windowSamples, (windowSamples / hop) * mels);
  if (file && values > MAX_VALUES) {
    throw file.invalid(`at most ${MAX_VALUES} values`, 'a window of the features', values);
  }
  return features;
}
