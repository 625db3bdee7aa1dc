import { join } from 'node:path';
import type { ClapFeatureConfig } from '../audio/features/clap.js';
import { FEATURE_LIMITS, requireWindow } from '../audio/features/limits.js';
import { padToken } from '../clip/config.js';
import type { ClipTokenizerParams } from '../clip/lane/protocol.js';
import { EmbedlaneError } from '../core/errors.js';
import { JsonObject, readJsonObject } from '../core/json-file.js';
import { readProcessorPart } from '../core/processor-files.js';

/** What the files of a CLAP model say. */
export interface ClapConfig {
  features: ClapFeatureConfig;
  tokenizer: ClipTokenizerParams;
  /** What the logit scale was before training. */
  initialScale: number;
}

/** Defaults of `ClapFeatureExtractor` and `ClapTextConfig`. */
const DEFAULTS = {
  mels: 64,
  sampleRate: 48_000,
  fftSize: 1024,
  hop: 480,
  seconds: 10,
  minFrequency: 0,
  maxFrequency: 14_000,
  positions: 514,
  padId: 1,
  scale: 1 / 0.07,
};
const PADDINGS = ['repeatpad', 'repeat', 'pad'] as const;
const TRUNCATIONS = ['fusion', 'rand_trunc'] as const;

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the file and the field */
export async function readClapConfig(folder: string): Promise<ClapConfig> {
  const [config, preprocessor, tokenizer] = await Promise.all([
    readJsonObject(folder, 'config.json'),
    readProcessorPart(folder, ['feature_extractor', 'audio_processor']),
    readJsonObject(folder, 'tokenizer_config.json'),
  ]);
  const type = config?.string('model_type');
  if (type !== 'clap') {
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected a model of type 'clap' in ${folder} but received one of type '${type ?? ''}'`,
    );
  }
  const text = new JsonObject('config.json (text_config)', config?.get('text_config') ?? {});
  // The first position of RoBERTa comes after that of the padding.
  const padId = text.number('pad_token_id') ?? DEFAULTS.padId;
  const positions = (text.positiveInteger('max_position_embeddings') ?? DEFAULTS.positions) - padId - 1;
  const limit = tokenizer?.number('model_max_length') ?? positions;
  return {
    features: readFeatures(preprocessor),
    tokenizer: {
      file: join(folder, 'tokenizer.json'),
      padToken: padToken(tokenizer),
      padId,
      maxTokens: limit >= 1 ? Math.min(limit, positions) : positions,
      padToMax: false,
    },
    initialScale: config?.number('logit_scale_init_value') ?? DEFAULTS.scale,
  };
}

function readFeatures(file: JsonObject | undefined): ClapFeatureConfig {
  if (!file)
    throw new EmbedlaneError(
      'ERR_MODEL_INVALID',
      'Expected preprocessor_config.json, or processor_config.json with a feature_extractor, of a CLAP model',
    );
  const type = file.string('feature_extractor_type') ?? 'ClapFeatureExtractor';
  if (type !== 'ClapFeatureExtractor') {
    throw file.invalid("'ClapFeatureExtractor'", "'feature_extractor_type'", type);
  }
  const choice = <T extends string>(name: string, values: readonly T[], initial: T): T => {
    const given = file.string(name) ?? initial;
    const value = values.find((known) => known === given);
    if (value === undefined) throw file.invalid(values.join(' or '), `'${name}'`, given);
    return value;
  };
  const sampleRate = file.positiveInteger('sampling_rate', FEATURE_LIMITS.sampleRate) ?? DEFAULTS.sampleRate;
  return requireWindow(file, {
    mels: file.positiveInteger('feature_size', FEATURE_LIMITS.mels) ?? DEFAULTS.mels,
    sampleRate,
    fftSize: file.positiveInteger('fft_window_size', FEATURE_LIMITS.fftSize) ?? DEFAULTS.fftSize,
    hop: file.positiveInteger('hop_length') ?? DEFAULTS.hop,
    windowSamples:
      (file.positiveInteger('max_length_s', FEATURE_LIMITS.seconds) ?? DEFAULTS.seconds) * sampleRate,
    minFrequency: file.number('frequency_min') ?? DEFAULTS.minFrequency,
    maxFrequency: file.number('frequency_max') ?? DEFAULTS.maxFrequency,
    padding: choice('padding', PADDINGS, 'repeatpad'),
    fusion: choice('truncation', TRUNCATIONS, 'fusion') === 'fusion',
  });
}
