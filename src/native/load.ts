import { EmbedlaneError, type ErrorCode } from '../core/errors.js';
import { type AddonRowStore, adaptRowStore } from './addon-row-store.js';
import { type AddonScores, adaptScores } from './addon-scores.js';
import { type AddonWordPiece, adaptWordPiece } from './addon-word-piece.js';
import {
  DTYPES,
  type NativeBinding,
  type SearchMetric,
  type SimdLevel,
  type TopKArrays,
  type TopKTask,
  type VectorData,
} from './binding.js';
import { createFallback } from './fallback/index.js';
import { describeFailures, findAddon } from './find-addon.js';
import type { LoadFailure } from './load-failure.js';
import { allocateFloats, allocateTopK } from './memory.js';

let loaded: NativeBinding | undefined;

/** Where the addon came from, or why there is none. */
export interface AddonReport {
  /** The binary in use; undefined if it is the TypeScript fallback. */
  path: string | undefined;
  /** What was there and could not be loaded. */
  failures: LoadFailure[];
}

let report: AddonReport = { path: undefined, failures: [] };

/**
 * The binding: the addon, or the TypeScript fallback where it cannot be loaded. Loaded once per thread.
 *
 * Environment: `EMBEDLANE_BACKEND=native` or `EMBEDLANE_REQUIRE_NATIVE=1` make a missing addon an error,
 * `EMBEDLANE_BACKEND=typescript` chooses the fallback; `EMBEDLANE_BINDING=<path>` loads that binary and no other;
 * `EMBEDLANE_SIMD=<level>` forces a lower level.
 *
 * @throws {EmbedlaneError} `ERR_NATIVE_LOAD` if one of these asks for what there is not
 */
export function loadBinding(): NativeBinding {
  if (loaded === undefined) {
    const binding = chooseBackend();
    forceLevel(binding);
    loaded = binding;
  }
  return loaded;
}

/** Loads the binding and tells where its binary is. */
export function addonReport(): AddonReport {
  loadBinding();
  return report;
}

function chooseBackend(): NativeBinding {
  const wish = wishedBackend();
  if (wish === 'typescript') return createFallback();
  const search = findAddon<Addon>(lacking);
  report = { path: search.addon && search.path, failures: search.failures };
  if (search.addon !== undefined) return wrap(search.addon);
  const reasons = `Expected a working addon ${describeFailures(search.failures)}`;
  if (wish === 'native') {
    throw new EmbedlaneError('ERR_NATIVE_LOAD', reasons, { cause: new AggregateError(search.errors) });
  }
  process.emitWarning(
    `${reasons}\nUntil then vectors are searched in TypeScript: the same results, many times slower. ` +
      'EMBEDLANE_BACKEND=typescript chooses that without this warning, EMBEDLANE_REQUIRE_NATIVE=1 refuses it.',
    { type: 'EmbedlaneWarning', code: 'EMBEDLANE_NO_NATIVE' },
  );
  return createFallback();
}

function wishedBackend(): 'native' | 'typescript' | undefined {
  const backend = oneOf('EMBEDLANE_BACKEND', ['native', 'typescript'] as const);
  const required = oneOf('EMBEDLANE_REQUIRE_NATIVE', ['0', '1'] as const) === '1';
  if (required && backend === 'typescript') {
    throw new EmbedlaneError(
      'ERR_NATIVE_LOAD',
      "Expected EMBEDLANE_BACKEND=native for EMBEDLANE_REQUIRE_NATIVE=1 but received 'typescript'",
    );
  }
  return required ? 'native' : backend;
}

function oneOf<T extends string>(variable: string, values: readonly T[]): T | undefined {
  const value = process.env[variable] || undefined;
  if (value === undefined || values.includes(value as T)) return value as T | undefined;
  const expected = values.map((each) => `'${each}'`).join(' or ');
  throw new EmbedlaneError('ERR_NATIVE_LOAD', `Expected ${expected} for ${variable} but received '${value}'`);
}

/** What the binary exports: the contract, but results go where the caller says. */
type Addon = Omit<
  NativeBinding,
  | 'backend'
  | keyof AddonScores
  | 'scores'
  | 'pool'
  | 'topKSync'
  | 'topK'
  | 'createRowStore'
  | keyof AddonWordPiece
> &
  AddonScores &
  AddonWordPiece & {
    RowStore: new (...args: Parameters<NativeBinding['createRowStore']>) => AddonRowStore;
    pool(...args: [...Parameters<NativeBinding['pool']>, out: Float32Array]): void;
    topKSync(...args: AddonSearchArguments): TopKArrays;
    topK(...args: AddonSearchArguments): TopKTask;
  };

type SearchArguments = Parameters<NativeBinding['topK']>;

type AddonSearchArguments = [
  queries: VectorData,
  corpus: VectorData,
  dims: number,
  k: number,
  metric: SearchMetric,
  threads: number,
  dtype: number,
  indices: Uint32Array,
  scores: Float32Array,
];

const FUNCTIONS = [
  'simdLevel',
  'simdLevels',
  'setSimdLevel',
  'dot',
  'cosine',
  'l2',
  'l1',
  'hamming',
  'jaccard',
  'matrix',
  'normalizeRows',
  'pool',
  'toHalf',
  'fromHalf',
  'findRanges',
  'quantizeRanges',
  'dequantizeRanges',
  'quantizeScaled',
  'dequantizeScaled',
  'packBits',
  'unpackBits',
  'createWordPiece',
  'encodeWordPiece',
  'embedWordPiece',
  'bagMeans',
  'mapTable',
  'preferLargePages',
  'topKSync',
  'topK',
  'measureLimits',
  'resizeImage',
  'resizeImageToPlanes',
  'groupSums',
  'scatterMatrix',
  'symmetricEigen',
  'RowStore',
  'crc32c',
  'lockFile',
  'endWithParent',
  'logMel',
  'resample',
] as const satisfies readonly (keyof Addon)[];

function lacking(exports: unknown): string[] {
  return FUNCTIONS.filter((name) => typeof (exports as Partial<Addon> | undefined)?.[name] !== 'function');
}

/** Gives the addon's errors their class. They mean a mistake in this package: callers have validated. */
function wrap(native: Addon): NativeBinding {
  const guard =
    <A extends unknown[], R>(call: (...args: A) => R) =>
    (...args: A): R => {
      try {
        return call(...args);
      } catch (error) {
        throw translate(error);
      }
    };
  const guardAsync =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await call(...args);
      } catch (error) {
        throw translate(error);
      }
    };
  return {
    backend: 'native',
    simdLevel: guard(native.simdLevel),
    simdLevels: guard(native.simdLevels),
    setSimdLevel: guard(native.setSimdLevel),
    ...adaptScores(native, guard),
    normalizeRows: guard(native.normalizeRows),
    resizeImage: guard(native.resizeImage),
    resizeImageToPlanes: guard(native.resizeImageToPlanes),
    pool: guard((...args) => {
      const [, , batch, , dims, modes] = args;
      const out = allocateFloats(batch * dims * modes.length);
      native.pool(...args, out);
      return out;
    }),
    toHalf: guard(native.toHalf),
    fromHalf: guard(native.fromHalf),
    findRanges: guard(native.findRanges),
    quantizeRanges: guard(native.quantizeRanges),
    dequantizeRanges: guard(native.dequantizeRanges),
    quantizeScaled: guard(native.quantizeScaled),
    dequantizeScaled: guard(native.dequantizeScaled),
    packBits: guard(native.packBits),
    unpackBits: guard(native.unpackBits),
    ...adaptWordPiece(native, guardAsync),
    bagMeans: guardAsync(native.bagMeans),
    mapTable: native.mapTable && guard(native.mapTable),
    preferLargePages: guard(({ buffer, byteOffset, byteLength }) =>
      native.preferLargePages(new Uint8Array(buffer, byteOffset, byteLength)),
    ),
    topKSync: guard((...args) => native.topKSync(...addonSearch(args))),
    topK: guard((...args) => translated(native.topK(...addonSearch(args)))),
    measureLimits: guard((...args) => translated(native.measureLimits(...args))),
    groupSums: guard((...args) => translated(native.groupSums(...args))),
    scatterMatrix: guard((...args) => translated(native.scatterMatrix(...args))),
    symmetricEigen: guard((...args) => translated(native.symmetricEigen(...args))),
    createRowStore: guard((dims, dtype, acceleration) =>
      adaptRowStore(new native.RowStore(dims, dtype, acceleration), dims, acceleration, guard, translate),
    ),
    crc32c: guard(native.crc32c),
    lockFile: guard(native.lockFile),
    endWithParent: guard(native.endWithParent),
    logMel: guard((...args) => translated(native.logMel(...args))),
    resample: guard((...args) => translated(native.resample(...args))),
  };
}

function translated<T>({ promise, cancel }: { promise: Promise<T>; cancel(): void }) {
  return {
    promise: promise.catch((error: unknown) => {
      throw translate(error);
    }),
    cancel,
  };
}

function addonSearch([
  queries,
  corpus,
  dims,
  k,
  metric,
  threads,
  dtype = 'f32',
]: SearchArguments): AddonSearchArguments {
  const rows = Math.floor(queries.length / (dtype === 'b1' ? Math.ceil(dims / 8) : dims));
  const { indices, scores } = allocateTopK(rows * k);
  return [queries, corpus, dims, k, metric, threads, DTYPES.indexOf(dtype), indices, scores];
}

function translate(error: unknown): EmbedlaneError {
  if (error instanceof EmbedlaneError) return error;
  const { code, message } = error as { code?: ErrorCode; message: string };
  // What has no code was not foreseen: where memory ends, its message is the name of a C++ class.
  const text = code === undefined ? `Native work failed: ${message}` : message;
  return new EmbedlaneError(code ?? 'ERR_RUNTIME', text, { cause: error });
}

function forceLevel(binding: NativeBinding): void {
  const level = process.env.EMBEDLANE_SIMD;
  if (!level) return;
  const available = binding.simdLevels();
  if (!available.includes(level as SimdLevel)) {
    throw new EmbedlaneError(
      'ERR_NATIVE_LOAD',
      `Expected one of ${available.map((name) => `'${name}'`).join(', ')} for EMBEDLANE_SIMD but received '${level}'`,
    );
  }
  binding.setSimdLevel(level as SimdLevel);
}
