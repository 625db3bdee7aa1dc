import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import type { OnProgress } from '../core/progress.js';
import { optionalSignal, optionsObject } from '../core/validate.js';
import type { StoreFilter } from './filter/expression.js';
import type { CollectionOptions, StoredRecord, StoreRecord, VectorStore } from './types.js';

/** How the target is made, if it is to be made: `metric` and `dtype` as the source has them, unless they are said. */
export interface CopyStoreOptions extends Pick<CollectionOptions, 'metric' | 'dtype' | 'index'> {
  /** Only records that match. */
  filter?: StoreFilter;
  /** Only records with an id after this one: goes on where an interrupted copy ended. */
  after?: string;
  /** Records in one request. */
  batchSize?: number;
  signal?: AbortSignal;
  /** Called when records are stored in the target. */
  onProgress?: OnProgress;
}

/**
 * Copies records, vectors and all, from one store to another of any kind. The target's collection is made if it is not
 * there; records with the same ids are replaced, so that a copy can be repeated.
 *
 * @returns how many records were copied
 * @throws {StoreError} with `stored`, how many of the records, by ascending id, are in the target for certain
 */
export async function copyStore(
  source: VectorStore,
  target: VectorStore,
  options?: CopyStoreOptions,
): Promise<number> {
  const known = optionsObject('options', options, [
    'filter',
    'after',
    'metric',
    'dtype',
    'index',
    'batchSize',
    'signal',
    'onProgress',
  ]);
  const { filter, after, metric, dtype, index, batchSize, onProgress } = known;
  const signal = optionalSignal('options.signal', known.signal);
  if (typeof source?.scroll !== 'function') throw invalidArgument('source', 'a store', source);
  if (typeof target?.upsert !== 'function') throw invalidArgument('target', 'a store', target);
  const info = await source.info({ signal });
  if (info === undefined)
    throw new EmbedlaneError('ERR_NOT_FOUND', 'Expected a collection to copy for source but there is none');
  const total = await source.count({ filter, signal });
  await target.create({
    dims: info.dims,
    // Bits and sparse vectors have metrics of their own.
    metric: metric ?? (dtype === undefined ? info.metric : undefined),
    dtype: dtype ?? info.dtype,
    index,
    signal,
  });
  const include = ['vector', 'document', 'metadata'] as const;
  const records = source.scroll({ filter, after, include, batchSize, signal });
  return target.upsert(complete(records), {
    batchSize,
    signal,
    // A source that others write to, or a copy that goes on, has another number of records.
    onProgress:
      onProgress && (({ completed }) => onProgress({ completed, total: Math.max(completed, total) })),
  });
}

async function* complete(records: AsyncIterable<StoredRecord>): AsyncGenerator<StoreRecord> {
  for await (const { vector, ...record } of records) {
    // The record went between its page and its vector.
    if (vector !== undefined) yield { ...record, vector };
  }
}
