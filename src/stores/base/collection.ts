import { EmbedlaneError } from '../../core/errors.js';
import { integer, oneOf, optionalInteger, optionalSignal, optionsObject } from '../../core/validate.js';
import {
  type CollectionInfo,
  type CollectionOptions,
  STORE_DTYPES,
  STORE_INDEX_TYPES,
  type StoreDtype,
  type StoreIndexOptions,
  type StoreMetric,
} from '../types.js';
import type { IndexSpec, StoreEngine } from './engine.js';

const METRICS = ['cosine', 'dot', 'l2', 'hamming'] as const satisfies readonly StoreMetric[];
const COLLECTION_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** Checks the name of a collection: it becomes the name of a table. */
export function collectionName(name: string, value: unknown): string {
  if (typeof value === 'string' && COLLECTION_NAME.test(value)) return value;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected a letter or '_', then up to 62 letters, digits and '_', for ${name} but received ${JSON.stringify(value)}`,
  );
}

/** Checks the options of `create` against what the engine can do. */
export function collectionArguments(
  options: CollectionOptions,
  engine: StoreEngine,
): { info: CollectionInfo; index: IndexSpec; signal: AbortSignal | undefined } {
  const known = optionsObject('options', options, ['dims', 'metric', 'dtype', 'index', 'signal']);
  const { dtypes } = engine.supports;
  const dtype = oneOf('options.dtype', known.dtype ?? 'f32', STORE_DTYPES);
  const metrics = dtypes[dtype];
  if (metrics === undefined) throw unsupported(engine, 'options.dtype', dtype, Object.keys(dtypes));
  const metric = oneOf('options.metric', known.metric ?? defaultMetric(dtype), METRICS);
  if (!metrics.includes(metric)) throw unsupported(engine, `options.metric of '${dtype}'`, metric, metrics);
  const dims = integer('options.dims', known.dims, 1, dtype === 'sparse' ? 2 ** 32 - 1 : engine.limits.dims);
  const signal = optionalSignal('options.signal', known.signal);
  return { info: { dims, metric, dtype }, index: indexArgument(known.index, engine), signal };
}

function defaultMetric(dtype: StoreDtype): StoreMetric {
  if (dtype === 'b1') return 'hamming';
  return dtype === 'sparse' ? 'dot' : 'cosine';
}

function indexArgument(options: StoreIndexOptions | undefined, engine: StoreEngine): IndexSpec {
  const known = optionsObject('options.index', options, ['type', 'm', 'efConstruction', 'lists']);
  const type = oneOf('options.index.type', known.type ?? 'auto', STORE_INDEX_TYPES);
  const { indexTypes } = engine.supports;
  if (!indexTypes.includes(type)) throw unsupported(engine, 'options.index.type', type, indexTypes);
  return {
    type,
    m: optionalInteger('options.index.m', known.m, 2, 128),
    efConstruction: optionalInteger('options.index.efConstruction', known.efConstruction, 4, 1000),
    lists: optionalInteger('options.index.lists', known.lists, 1, 65_536),
  };
}

function unsupported(engine: StoreEngine, name: string, value: string, supported: readonly string[]) {
  const list = supported.map((item) => `'${item}'`).join(', ');
  return new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected one of ${list}, which ${engine.name} has, for ${name} but received '${value}'`,
  );
}

/** @throws {EmbedlaneError} `ERR_CONFLICT` if a collection that is there is not the one that was asked for */
export function requireSame(existing: CollectionInfo, wanted: CollectionInfo): void {
  const keys = ['dims', 'metric', 'dtype'] as const;
  const other = keys.find((key) => existing[key] !== wanted[key]);
  if (other === undefined) return;
  throw new EmbedlaneError(
    'ERR_CONFLICT',
    `Expected ${other} ${existing[other]}, which the collection has, for options.${other} but received ${wanted[other]}; drop it first`,
  );
}
