import { runInNewContext } from 'node:vm';
import { afterEach, expect, it, vi } from 'vitest';
import { isBlob, isUrl } from '#dist/core/realms.js';
import { float32Array, optionalSignal } from '#dist/core/validate.js';
import { Embeddings, FlatIndex, TextEmbedder } from '#dist/index.js';
import { cosine, hamming, normalize, topK } from '#dist/vectors/index.js';
import { fixture } from '../text/goldens.js';

/** Floats as code in a vm context makes them, and as Jest's tests have them, whose ArrayBuffer alone is another. */
const foreign: [string, (...values: number[]) => Float32Array<ArrayBuffer>][] = [
  ['of another realm', (...values) => runInNewContext('Float32Array.from(values)', { values })],
  [
    'over memory of another realm',
    (...values) => {
      const floats = new Float32Array(runInNewContext(`new ArrayBuffer(${4 * values.length})`));
      floats.set(values);
      return floats;
    },
  ],
];

afterEach(() => void vi.useRealTimers());

it.each(foreign)('arrays %s are as good as others', async (_, floats) => {
  expect(Array.from(float32Array('data', floats(1, 2)))).toEqual([1, 2]);
  expect(float32Array('data', floats(1))).toBeInstanceOf(Float32Array);
  expect(cosine(floats(1, 0), floats(1, 0))).toBe(1);
  expect(cosine(floats(1, 0), new Float32Array([1, 0]))).toBe(1);
  expect(cosine(floats(1, 0), floats(1, 0), { dtype: 'f32' })).toBe(1);
  expect(Array.from(normalize(floats(0, 2)))).toEqual([0, 1]);
  const matrix = new Embeddings(floats(1, 0, 0, 1), 2, 2);
  expect(matrix.data).toBeInstanceOf(Float32Array);
  const found = await topK({ data: floats(0, 1), rows: 1, dims: 2 }, matrix, { k: 1 });
  expect(Array.from(found.indices)).toEqual([1]);
  const index = new FlatIndex({ dims: 2 });
  index.add(matrix);
  expect((await index.search(matrix, { k: 1 })).get(1)).toMatchObject([{ id: 1 }]);
});

it('memory of the caller is kept, not copied', () => {
  const floats = foreign[0][1](1, 2);
  new Embeddings(floats, 1, 2).data[1] = 5;
  expect(floats[1]).toBe(5);
});

it('what is wrong is wrong in every realm', () => {
  const another = (code: string) => runInNewContext(code, { structuredClone });
  expect(() => float32Array('data', another('new Float64Array(2)'))).toThrow(/Float32Array for data/);
  expect(() => float32Array('data', another('new Float32Array(new SharedArrayBuffer(8))'))).toThrow(
    /not shared/,
  );
  const detached = another('f = new Float32Array(2); structuredClone(f, { transfer: [f.buffer] }); f');
  expect(() => float32Array('data', detached)).toThrow(/detached/);
  expect(() => hamming(another('new Float32Array(1)'), new Uint8Array(1))).toThrow(/bits/);
});

it('signals, addresses and Blobs may be those of a simulated browser', () => {
  const signal = {
    aborted: false,
    addEventListener() {},
    removeEventListener() {},
  };
  expect(optionalSignal('signal', signal)).toBe(signal);
  expect(() => optionalSignal('signal', { aborted: false })).toThrow(/an AbortSignal for signal/);
  expect(() => optionalSignal('signal', null)).toThrow(/an AbortSignal for signal/);
  expect([isUrl({ href: 'file:///x', protocol: 'file:' }), isUrl('file:///x'), isUrl(null)]).toEqual([
    true,
    false,
    false,
  ]);
  expect([isBlob({ stream() {}, arrayBuffer() {} }), isBlob(new Uint8Array(1))]).toEqual([true, false]);
});

it('a model answers while the global timers are those of a test', async () => {
  vi.useFakeTimers();
  await using model = await TextEmbedder.load(fixture('models/tiny-bert-cls'));
  const many = Array.from({ length: 600 }, (_, i) => `text ${i}`);
  expect([(await model.encode('a', { timeout: 1000 })).rows, (await model.encode(many)).rows]).toEqual([
    1, 600,
  ]);
});

it('timers may be the numbers that they are in a simulated browser', async () => {
  const { setTimeout } = globalThis;
  await using model = await TextEmbedder.load(fixture('models/tiny-bert-cls'));
  vi.stubGlobal('setTimeout', (...args: Parameters<typeof setTimeout>) => Number(setTimeout(...args)));
  try {
    expect((await model.encode(['a'], { timeout: 60_000 })).rows).toBe(1);
  } finally {
    vi.unstubAllGlobals();
  }
});
