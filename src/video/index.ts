export type { FrameSampling } from './frames/sampling.js';
export type {
  VideoEncodeOptions,
  VideoInput,
  VideoLoadOptions,
  VideoSearchOptions,
  VideoVectorOptions,
} from './options.js';
export {
  type VideoClassifyOptions,
  VideoEmbedder,
  type VideoFrames,
  type VideoMoment,
} from './video-embedder.js';
