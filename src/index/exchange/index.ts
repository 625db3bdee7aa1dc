export type { VectorFileFormat } from './format.js';
export { npyHeader } from './npy.js';
export { type ReadVectorsOptions, readVectors } from './read.js';
export { type WriteVectorsOptions, writeVectors } from './write.js';
