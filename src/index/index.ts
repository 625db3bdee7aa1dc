export {
  npyHeader,
  type ReadVectorsOptions,
  readVectors,
  type VectorFileFormat,
  type WriteVectorsOptions,
  writeVectors,
} from './exchange/index.js';
export { type Filter, IdSet } from './filter.js';
export { FlatIndex } from './flat-index.js';
export type { Id } from './ids/id.js';
export type { FlatIndexOpenOptions, FlatIndexOptions, IndexRow, IndexStats } from './options.js';
export { type IndexHit, SearchResult } from './result.js';
export type { PackedRows, RowsLike } from './rows.js';
export type {
  IndexRangeOptions,
  IndexRangeSyncOptions,
  IndexSearchOptions,
  IndexSearchSyncOptions,
} from './search.js';
export type { Accelerate, IndexDtype, IndexMetric } from './spec.js';
