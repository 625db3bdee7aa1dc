import { createRequire } from 'node:module';
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
import { allocateFloats, allocateTopK } from './memory.js';

const require = createRequire(import.meta.url);

let loaded: NativeBinding | undefined;

/**
 * The binding: the addon, or the TypeScript fallback where it cannot be loaded. Loaded once per thread.
 *
 * Environment: `EMBEDLANE_BACKEND=native` makes a missing addon an error, `=typescript` chooses the fallback;
 * `EMBEDLANE_BINDING=<path>` loads that binary and no other; `EMBEDLANE_SIMD=<level>` forces a lower level.
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

function chooseBackend(): NativeBinding {
  const wish = process.env.EMBEDLANE_BACKEND || undefined;
  if (wish !== undefined && wish !== 'native' && wish !== 'typescript') {
    throw new EmbedlaneError(
      'ERR_NATIVE_LOAD',
      `Expected 'native' or 'typescript' for EMBEDLANE_BACKEND but received '${wish}'`,
    );
  }
  if (wish === 'typescript') return createFallback();
  const causes: Error[] = [];
  const addon = loadAddon(causes);
  if (addon !== undefined) return wrap(addon);
  const reasons = causes.map((cause) => `  ${cause.message.split('\n')[0]}`).join('\n');
  if (wish === 'native') {
    throw new EmbedlaneError('ERR_NATIVE_LOAD', `The addon could not be loaded:\n${reasons}\n${HELP}`, {
      cause: new AggregateError(causes),
    });
  }
  process.emitWarning(
    `The addon could not be loaded, so vectors are searched in TypeScript: the same results, many times slower.\n${reasons}\n${HELP}`,
    { type: 'EmbedlaneWarning', code: 'EMBEDLANE_NO_NATIVE' },
  );
  return createFallback();
}

const HELP = `To build it, install a C++20 compiler and CMake, then run "node scripts/build-native.mjs" in a checkout.
If another platform's package was installed (a copied node_modules, a cached container layer), run "npm ci" here.
EMBEDLANE_BACKEND=typescript chooses the fallback without this warning.`;

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
  'bagMeans',
  'topKSync',
  'topK',
  'measureLimits',
  'resizeImage',
  'resizeImageToPlanes',
  'groupSums',
  'scatterMatrix',
  'RowStore',
  'crc32c',
  'lockFile',
  'logMel',
  'whisperScale',
  'resample',
] as const satisfies readonly (keyof Addon)[];

function loadAddon(causes: Error[]): Addon | undefined {
  try {
    const path = process.env.EMBEDLANE_BINDING;
    const addon = (path ? require(path) : requirePrebuilt()) as Addon;
    const lacking = FUNCTIONS.filter((name) => typeof addon[name] !== 'function');
    if (lacking.length > 0)
      throw new Error(`The binary is of another version: it lacks ${lacking.join(', ')}`);
    return addon;
  } catch (cause) {
    causes.push(cause as Error);
    return undefined;
  }
}

/** Every path is a literal, so that bundlers see which files belong to the program. */
function requirePrebuilt(): unknown {
  const platform = platformName();
  switch (platform) {
    case 'linux-x64':
      return require('../../prebuilds/linux-x64/embedlane.node');
    case 'linux-x64-musl':
      return require('../../prebuilds/linux-x64-musl/embedlane.node');
    case 'linux-arm64':
      return require('../../prebuilds/linux-arm64/embedlane.node');
    case 'linux-arm64-musl':
      return require('../../prebuilds/linux-arm64-musl/embedlane.node');
    case 'darwin-x64':
      return require('../../prebuilds/darwin-x64/embedlane.node');
    case 'darwin-arm64':
      return require('../../prebuilds/darwin-arm64/embedlane.node');
    case 'win32-x64':
      return require('../../prebuilds/win32-x64/embedlane.node');
    case 'win32-arm64':
      return require('../../prebuilds/win32-arm64/embedlane.node');
    default:
      throw new Error(`There is no addon for ${platform}`);
  }
}

/** The folder below prebuilds/, spelled as scripts/build-native.mjs spells it. */
function platformName(): string {
  return `${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}`;
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  // Without this, the report asks the network for the names of every open socket.
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return !header.glibcVersionRuntime;
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
    topKSync: guard((...args) => native.topKSync(...addonSearch(args))),
    topK: guard((...args) => translated(native.topK(...addonSearch(args)))),
    measureLimits: guard((...args) => translated(native.measureLimits(...args))),
    groupSums: guard((...args) => translated(native.groupSums(...args))),
    scatterMatrix: guard((...args) => translated(native.scatterMatrix(...args))),
    createRowStore: guard((dims, dtype, coded) =>
      adaptRowStore(new native.RowStore(dims, dtype, coded), dims, guard, translate),
    ),
    crc32c: guard(native.crc32c),
    lockFile: guard(native.lockFile),
    logMel: guard((...args) => translated(native.logMel(...args))),
    whisperScale: guard(native.whisperScale),
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
  return new EmbedlaneError(code ?? 'ERR_RUNTIME', message, { cause: error });
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
