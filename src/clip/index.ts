export { ClipEmbedder } from './clip-embedder.js';
export type { ClipLoadOptions, ClipTextOptions, ZeroShotOptions } from './options.js';
