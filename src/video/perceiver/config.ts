import { readJsonObject } from '../../core/json-file.js';
import { readProcessorPart } from '../../core/processor-files.js';
import { type Preprocessing, readPreprocessing } from '../../image/config/preprocessor.js';

/** What a multimodal Perceiver's folder says. */
export interface PerceiverConfig {
  preprocessing: Preprocessing;
  /** Frames of a clip. */
  frames: number;
  /** Samples of the sound that goes with a clip, and their rate in Hz. */
  audioSamples: number;
  sampleRate: number;
  /** Names of the classes by their number. */
  labels: string[];
}

/** deepmind/multimodal-perceiver: 16 frames, at 25 a second, with 1,920 samples each. */
const DEFAULTS = { frames: 16, samplesPerFrame: 1920, framesPerSecond: 25 };

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the file and the field */
export async function readPerceiverConfig(folder: string): Promise<PerceiverConfig> {
  const [config, processor, preprocessing] = await Promise.all([
    readJsonObject(folder, 'config.json'),
    readProcessorPart(folder, ['image_processor']),
    readPreprocessing(folder),
  ]);
  if (processor?.boolean('do_center_crop')) {
    throw processor.invalid('false (the Perceiver was trained on whole frames)', "'do_center_crop'", true);
  }
  const frames = config?.positiveInteger('num_frames') ?? DEFAULTS.frames;
  const samplesPerFrame = config?.positiveInteger('audio_samples_per_frame') ?? DEFAULTS.samplesPerFrame;
  const names = config?.strings('id2label') ?? {};
  return {
    preprocessing,
    frames,
    audioSamples: processor?.positiveInteger('audio_samples') ?? frames * samplesPerFrame,
    sampleRate:
      processor?.positiveInteger('audio_sampling_rate') ?? samplesPerFrame * DEFAULTS.framesPerSecond,
    labels: Object.keys(names).map((_, id) => names[id] ?? String(id)),
  };
}
