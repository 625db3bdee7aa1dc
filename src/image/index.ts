export type { Classification } from './classify.js';
export { type ClassifyOptions, ImageEmbedder } from './image-embedder.js';
export { ImageEmbeddings, type SkippedImage } from './image-embeddings.js';
export type { ImageInput, RawImage } from './input/source.js';
export type { ImagePooling } from './lane/protocol.js';
export type {
  ImageEncodeOptions,
  ImageEncodeStreamOptions,
  ImageLoadOptions,
  ImageReadingOptions,
} from './options.js';
