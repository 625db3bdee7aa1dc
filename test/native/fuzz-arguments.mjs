// Calls the addon's functions with arguments that are nearly right, or wrong in every way, for as long as told. Run by
// scripts/fuzz-addon.mjs on the addon built with AddressSanitizer and UBSan, which end the process at the first wrong
// access. The same seed makes the same calls.
//
//   EMBEDLANE_BINDING=… node test/native/fuzz-arguments.mjs [--seed 1] [--calls 200000]
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, calls: { type: 'string', default: '200000' } },
});
const addon = createRequire(import.meta.url)(process.env.EMBEDLANE_BINDING);

let state = (Number(options.seed) * 2_654_435_761 + 1) | 0 || 1;
/** xorshift32, below n */
function below(n) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % n;
}
const pick = (list) => list[below(list.length)];

const ARRAYS = [
  ...[Float32Array, Uint16Array, Int8Array, Uint8Array, Uint32Array, Float64Array],
  ...[Int16Array, Int32Array, Uint8ClampedArray, BigInt64Array],
];

/** A view at any offset into memory of exactly its size, so that the first step beyond is an error. */
function array(Type, length) {
  const offset = Type.BYTES_PER_ELEMENT * below(3);
  const view = new Type(new ArrayBuffer(offset + length * Type.BYTES_PER_ELEMENT), offset, length);
  if (Type !== BigInt64Array)
    for (let i = 0; i < Math.min(length, 64); i++) view[i] = below(2 ** 32) / 2 ** below(32);
  return view;
}

function detached() {
  const view = new (pick(ARRAYS))(1 + below(20));
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

const resizable = () => new Float32Array(new ArrayBuffer(4 * below(30), { maxByteLength: 200 }));
const shared = () => {
  const Type = pick(ARRAYS);
  return new Type(new SharedArrayBuffer(Type.BYTES_PER_ELEMENT * below(30)));
};
const STRINGS = [
  'dot',
  'cosine',
  'l2',
  'l1',
  'jaccard',
  'hamming',
  'f16',
  'bf16',
  '',
  'x'.repeat(1000),
  '\ud800',
  'mean',
];
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  -(2 ** 63),
];

/** A value of any kind. */
function anything() {
  switch (below(14)) {
    case 0:
      return undefined;
    case 1:
      return pick([null, true, false, 10n, Symbol.iterator]);
    case 2:
      return pick(STRINGS);
    case 3:
    case 4:
      return pick(NUMBERS);
    case 5:
      return detached();
    case 6:
      return shared();
    case 7:
      return resizable();
    case 8:
      return new DataView(new ArrayBuffer(below(40)));
    case 9:
      return pick([
        {},
        [],
        ['mean', 'max'],
        ['mean', 'mean'],
        [1],
        new Array(5),
        new ArrayBuffer(8),
        () => 1,
      ]);
    case 10:
      return new Proxy(new Float32Array(4), {});
    case 11:
      return {
        get length() {
          throw new Error('a getter');
        },
      };
    default:
      return array(pick(ARRAYS), pick([0, 1, 3, 16, 33, 64, 100]));
  }
}

const DTYPES = [
  [Float32Array, 1],
  [Uint16Array, 1],
  [Uint16Array, 1],
  [Int8Array, 1],
  [Uint8Array, 1],
  [Uint8Array, 8],
];
const floats = (length) => array(Float32Array, length);
const codes = (length) => array(pick([Int8Array, Uint8Array]), length);
const size = () => 1 + below(70);

function pair() {
  const number = below(7);
  const [Type] = DTYPES[number] ?? [pick(ARRAYS)];
  const length = size();
  const choice = pick([[], [number], [pick(NUMBERS)]]);
  return [array(Type, length), array(Type, length), ...choice];
}

function search() {
  const [dims, queries, rows] = [size(), 1 + below(4), 1 + below(60)];
  const k = 1 + below(rows);
  return [
    ...[floats(queries * dims), floats(rows * dims), dims, k, pick(['dot', 'cosine', 'l2']), 1 + below(3)],
    ...[array(Uint32Array, queries * k), floats(queries * k)],
  ];
}

/** Right arguments of each function; others get nothing but wrong ones. */
const RIGHT = {
  dot: pair,
  cosine: pair,
  l2: pair,
  l1: pair,
  hamming: pair,
  jaccard: pair,
  topKSync: search,
  topK: search,
  matrix() {
    const number = below(6);
    const [Type, bits] = DTYPES[number];
    const [width, a, b] = [size(), below(7), below(9)];
    const dims = width * bits - (bits > 1 ? below(8) : 0);
    const metric = pick(['dot', 'cosine', 'l2', 'l1', 'jaccard']);
    const rows = [array(Type, a * width), array(Type, b * width)];
    return [metric, ...rows, dims, floats(a * b), number, 1 + below(3)];
  },
  normalizeRows: () => {
    const dims = size();
    return [floats(below(5) * dims), dims];
  },
  pool() {
    const [batch, sequence, dims] = [below(4), below(9), size()];
    const modes = pick([['mean'], ['cls', 'max'], ['mean_sqrt_len', 'weightedmean', 'lasttoken']]);
    const exclude = pick([null, array(Uint32Array, batch)]);
    const [hidden, mask] = [floats(batch * sequence * dims), array(Uint8Array, batch * sequence)];
    const out = floats(batch * dims * modes.length);
    return [hidden, mask, batch, sequence, dims, modes, pick([true, false]), exclude, out];
  },
  toHalf() {
    const length = below(200);
    return [pick(['f16', 'bf16']), floats(length), array(Uint16Array, length)];
  },
  fromHalf() {
    const length = below(200);
    return [pick(['f16', 'bf16']), array(Uint16Array, length), floats(length)];
  },
  ...shaped('findRanges', (dims, rows) => [floats(rows * dims), dims, floats(2 * dims)]),
  ...shaped('quantizeRanges', (dims, rows) => [
    floats(rows * dims),
    dims,
    floats(2 * dims),
    codes(rows * dims),
  ]),
  ...shaped('dequantizeRanges', (dims, rows) => [
    codes(rows * dims),
    dims,
    floats(2 * dims),
    floats(rows * dims),
  ]),
  ...shaped('quantizeScaled', (dims, rows) => [
    floats(rows * dims),
    dims,
    array(Int8Array, rows * dims),
    floats(rows),
  ]),
  ...shaped('dequantizeScaled', (dims, rows) => [
    array(Int8Array, rows * dims),
    dims,
    floats(rows),
    floats(rows * dims),
  ]),
  ...shaped('packBits', (dims, rows) => [floats(rows * dims), dims, codes(rows * Math.ceil(dims / 8))]),
  ...shaped('unpackBits', (dims, rows) => [codes(rows * Math.ceil(dims / 8)), dims, floats(rows * dims)]),
};

function shaped(name, make) {
  return { [name]: () => make(size(), below(5)) };
}

/** Classes, and functions that touch files or change the level for all. */
const LEFT_OUT = new Set(['RowStore', 'lockFile', 'setSimdLevel']);
const functions = Object.keys(addon).filter(
  (name) => typeof addon[name] === 'function' && !LEFT_OUT.has(name),
);
const forgotten = Object.keys(RIGHT).filter((name) => !functions.includes(name));
if (forgotten.length > 0) throw new Error(`The addon has no ${forgotten.join(', ')}`);

const counts = { answered: 0, refused: 0 };
let pending = [];
for (let call = 0; call < Number(options.calls); call++) {
  const name = pick(functions);
  if (call % 500 === 0) addon.setSimdLevel(pick(addon.simdLevels()));
  const args = RIGHT[name]?.() ?? Array.from({ length: below(9) }, anything);
  // Mostly right: none, one or two are replaced, or one is left out.
  for (let wrong = pick([0, 1, 1, 1, 2]); wrong > 0 && args.length > 0; wrong--)
    args[below(args.length)] = anything();
  if (below(20) === 0) args.pop();
  try {
    const answer = addon[name](...args);
    counts.answered++;
    if (answer?.promise) {
      if (below(3) === 0) answer.cancel();
      pending.push(answer.promise.catch(() => {}));
    }
  } catch (error) {
    counts.refused++;
    // Those of the getters above come through as they are.
    if (!(error instanceof Error)) throw new Error(`${name} threw what is no Error`, { cause: error });
  }
  if (pending.length >= 100) {
    await Promise.all(pending);
    pending = [];
  }
}
await Promise.all(pending);
if (counts.answered === 0 || counts.refused === 0) throw new Error('The calls were all alike');
console.log(
  `${options.calls} calls of ${functions.length} functions: ${counts.answered} answered, ${counts.refused} refused`,
);
