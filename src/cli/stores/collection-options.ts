import { type Command, Option } from 'commander';
import {
  type CollectionOptions,
  STORE_DTYPES,
  STORE_INDEX_TYPES,
  type StoreDtype,
  type StoreIndexType,
  type StoreMetric,
} from '../../stores/types.js';

export interface CollectionFlags {
  metric?: StoreMetric;
  storeDtype?: StoreDtype;
  indexType?: StoreIndexType;
}

const METRICS = ['cosine', 'dot', 'l2', 'hamming'] as const satisfies readonly StoreMetric[];

/** Adds what says how a collection is made, if there is none. */
export function withCollection(command: Command): Command {
  return command
    .addOption(new Option('--metric <metric>', "a new collection's metric").choices(METRICS))
    .addOption(
      new Option('--store-dtype <dtype>', 'how a new collection keeps vectors').choices(STORE_DTYPES),
    )
    .addOption(new Option('--index-type <type>', "a new collection's index").choices(STORE_INDEX_TYPES));
}

export function collectionOf(flags: CollectionFlags): Pick<CollectionOptions, 'metric' | 'dtype' | 'index'> {
  const { metric, storeDtype, indexType } = flags;
  return { metric, dtype: storeDtype, index: indexType && { type: indexType } };
}
