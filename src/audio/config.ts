import { readJsonObject } from '../core/json-file.js';
import type { WhisperFeatureConfig } from './features/whisper.js';

/** What a model's folder says, as far as embedding needs it. */
export interface AudioModelConfig {
  features: WhisperFeatureConfig;
  /** First token of every text that the decoder writes. */
  decoderStartTokenId: number;
}

/** Defaults of `WhisperFeatureExtractor` and `WhisperConfig`. */
const DEFAULTS = { mels: 80, sampleRate: 16_000, fftSize: 400, hop: 160, seconds: 30, startToken: 50_257 };

/**
 * Reads `preprocessor_config.json` and `config.json`.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for another kind of model or values that cannot be
 */
export async function readAudioModelConfig(folder: string): Promise<AudioModelConfig> {
  const [preprocessor, config] = await Promise.all([
    readJsonObject(folder, 'preprocessor_config.json'),
    readJsonObject(folder, 'config.json'),
  ]);
  const type = preprocessor?.string('feature_extractor_type') ?? 'WhisperFeatureExtractor';
  if (preprocessor && type !== 'WhisperFeatureExtractor') {
    throw preprocessor.invalid("'WhisperFeatureExtractor'", 'feature_extractor_type', type);
  }
  const kind = config?.string('model_type');
  if (config && kind !== 'whisper') throw config.invalid("'whisper'", 'model_type', kind);
  const sampleRate = preprocessor?.positiveInteger('sampling_rate') ?? DEFAULTS.sampleRate;
  const seconds = preprocessor?.positiveInteger('chunk_length') ?? DEFAULTS.seconds;
  return {
    features: {
      mels: preprocessor?.positiveInteger('feature_size') ?? DEFAULTS.mels,
      sampleRate,
      fftSize: preprocessor?.positiveInteger('n_fft') ?? DEFAULTS.fftSize,
      hop: preprocessor?.positiveInteger('hop_length') ?? DEFAULTS.hop,
      windowSamples: preprocessor?.positiveInteger('n_samples') ?? seconds * sampleRate,
    },
    decoderStartTokenId: config?.number('decoder_start_token_id') ?? DEFAULTS.startToken,
  };
}
