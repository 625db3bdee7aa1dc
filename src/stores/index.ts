export { StoreError } from './base/error.js';
export type { StoreFilter, StoreRange } from './filter/expression.js';
export type * from './types.js';
