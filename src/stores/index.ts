export { StoreError } from './base/error.js';
export { type CopyStoreOptions, copyStore } from './copy.js';
export type { StoreFilter, StoreRange } from './filter/expression.js';
export { LocalStore, type LocalStoreOptions } from './local/local-store.js';
export { MilvusStore, type MilvusStoreOptions } from './milvus/milvus-store.js';
export { type OpenStoreOptions, openStore } from './open-store.js';
export { PgVectorStore, type PgVectorStoreOptions } from './pg/pg-store.js';
export { SeekdbStore, type SeekdbStoreOptions } from './seekdb/seekdb-store.js';
export type * from './types.js';
