export { AudioEmbedder } from './audio-embedder.js';
export type {
  AudioDecoderOptions,
  AudioEncodeOptions,
  AudioInput,
  AudioLoadOptions,
  AudioStreamOptions,
  AudioVectorOptions,
  PcmPiece,
} from './options.js';
export type { AudioWindows } from './pool-windows.js';
export type { AudioStreamWindow } from './stream.js';
