export { ClapEmbedder } from './clap-embedder.js';
export type { ClapAudioOptions, ClapLoadOptions, ClapStreamOptions } from './options.js';
