import { readJsonObject } from '../core/json-file.js';
import { readProcessorPart } from '../core/processor-files.js';
import { FEATURE_LIMITS, requireWindow } from './features/limits.js';
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
 * Reads `config.json` and the settings of the feature extractor.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for another kind of model or values that cannot be
 */
export async function readAudioModelConfig(folder: string): Promise<AudioModelConfig> {
  const [preprocessor, config] = await Promise.all([
    readProcessorPart(folder, ['feature_extractor', 'audio_processor']),
    readJsonObject(folder, 'config.json'),
  ]);
  const type = preprocessor?.string('feature_extractor_type') ?? 'WhisperFeatureExtractor';
  if (preprocessor && type !== 'WhisperFeatureExtractor') {
    throw preprocessor.invalid("'WhisperFeatureExtractor'", 'feature_extractor_type', type);
  }
  const kind = config?.string('model_type');
  if (config && kind !== 'whisper') throw config.invalid("'whisper'", 'model_type', kind);
  const sampleRate =
    preprocessor?.positiveInteger('sampling_rate', FEATURE_LIMITS.sampleRate) ?? DEFAULTS.sampleRate;
  const seconds = preprocessor?.positiveInteger('chunk_length', FEATURE_LIMITS.seconds) ?? DEFAULTS.seconds;
  return {
    features: requireWindow(preprocessor, {
      mels: preprocessor?.positiveInteger('feature_size', FEATURE_LIMITS.mels) ?? DEFAULTS.mels,
      sampleRate,
      fftSize: preprocessor?.positiveInteger('n_fft', FEATURE_LIMITS.fftSize) ?? DEFAULTS.fftSize,
      hop: preprocessor?.positiveInteger('hop_length') ?? DEFAULTS.hop,
      // `n_samples` is written, but transformers computes it anew when it reads the file.
      windowSamples: seconds * sampleRate,
    }),
    decoderStartTokenId: config?.number('decoder_start_token_id') ?? DEFAULTS.startToken,
  };
}
