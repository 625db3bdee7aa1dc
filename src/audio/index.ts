export { AudioEmbedder, type AudioWindows } from './audio-embedder.js';
export type {
  AudioDecoderOptions,
  AudioEncodeOptions,
  AudioInput,
  AudioLoadOptions,
  AudioVectorOptions,
} from './options.js';
