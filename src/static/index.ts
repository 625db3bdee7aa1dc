export type { StaticLibrary } from './config.js';
export type { StaticEncodeOptions, StaticLoadOptions } from './options.js';
export { StaticEmbedder } from './static-embedder.js';
