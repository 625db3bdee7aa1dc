import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture } from './goldens.js';

const TINY = fixture('models/tiny-bert-cls');

let tiny: TextEmbedder;
let minilm: TextEmbedder;
beforeAll(async () => {
  [tiny, minilm] = await Promise.all([TextEmbedder.load(TINY), TextEmbedder.load('all-MiniLM-L6-v2')]);
});
afterAll(() => Promise.all([tiny?.close(), minilm?.close()]));

/** A run or so of MiniLM each. */
const long = (count: number) => Array.from({ length: count }, (_, i) => `${i} ${'many words '.repeat(200)}`);

describe('a timeout', () => {
  it('ends a call whose work is not done, which costs nothing more', async () => {
    const before = minilm.stats().texts;
    const timely = { code: 'ERR_TIMEOUT', message: expect.stringContaining('within 1 ms') as string };
    await expect(minilm.encode(long(500), { timeout: 1 })).rejects.toMatchObject(timely);
    await minilm.encode('next');
    expect(minilm.stats().texts - before).toBeLessThan(100);
  });

  it('takes a small call out of the queue', async () => {
    const blocking = minilm.encode(long(1));
    const waiting = minilm.encode('waits', { timeout: 1 });
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect((await blocking).rows).toBe(1);
    expect(minilm.stats()).toMatchObject({ waiting: 0, running: 0, active: 0 });
  });

  it('that is long enough changes nothing', async () => {
    const [a, b] = [await tiny.encode('text', { timeout: 600_000 }), await tiny.encode('text')];
    expect(a.data).toEqual(b.data);
  });

  it('gives way to an abort that comes first', async () => {
    const encoding = tiny.encode('a', { timeout: 600_000, signal: AbortSignal.abort() });
    await expect(encoding).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it.each([0, 1.5, '1s', Number.POSITIVE_INFINITY])('of %j is refused', async (timeout) => {
    await expect(tiny.encode('a', { timeout: timeout as never })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  });
});

describe('1,000 calls that are aborted while they wait', () => {
  it('are not computed', async () => {
    const before = minilm.stats().texts;
    const stops = Array.from({ length: 1000 }, () => new AbortController());
    const blocking = minilm.encode(long(3));
    await turn();
    const calls = Promise.allSettled(stops.map(({ signal }, i) => minilm.encode(`query ${i}`, { signal })));
    await turn();
    for (const stop of stops) stop.abort();
    for (const result of await calls) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_ABORTED' } });
    }
    await blocking;
    await minilm.encode('after');
    const { texts, waiting, running, active } = minilm.stats();
    expect([waiting, running, active]).toEqual([0, 0, 0]);
    // At most one run of them was on its way already, should the blocking one have ended in between.
    expect(texts - before).toBeLessThan(300);
  });
});

describe('a query beside a bulk job', () => {
  it('waits for a few of its batches and not for all', async () => {
    await using model = await TextEmbedder.load('all-MiniLM-L6-v2', { tokenBudget: 128 });
    const texts = Array.from({ length: 3000 }, (_, i) => `short text ${i}`);
    let batches = 0;
    const waits: Promise<number>[] = [];
    await model.encode(texts, {
      onProgress() {
        batches++;
        if (batches % 10 !== 1 || waits.length >= 4) return;
        const from = batches;
        waits.push(model.encode(`query ${from}`).then(() => batches - from));
      },
    });
    const counts = await Promise.all(waits);
    expect(counts).toHaveLength(4);
    // Whoever waited for the bulk job would have waited for more than 80.
    expect(batches).toBeGreaterThan(111);
    for (const count of counts) expect(count).toBeLessThan(50);
  }, 120_000);
});

describe('the cache', () => {
  it('keeps what small calls computed, by text and options', async () => {
    await using model = await TextEmbedder.load(TINY, { cacheBytes: 1_000_000 });
    const first = await model.encode(['a cat', 'a dog']);
    const { batches } = model.stats();
    const again = await model.encode(['a dog', 'a cat']);
    expect(again.row(0)).toEqual(first.row(1));
    expect(again.row(1)).toEqual(first.row(0));
    expect(model.stats().batches).toBe(batches);
    expect(model.stats().cache).toMatchObject({ hits: 2, misses: 2, entries: 2 });
    const cut = await model.encode('a cat', { truncateDim: 4, normalize: true });
    expect(cut.dims).toBe(4);
    expect(Math.hypot(...cut.data)).toBeCloseTo(1, 5);
    await model.encode(['a cat', 'new']);
    expect(model.stats().cache).toMatchObject({ hits: 3, misses: 4, entries: 4 });
  });

  it('gives out copies, and the same usage', async () => {
    await using model = await TextEmbedder.load(TINY, { cacheBytes: 1_000_000 });
    const used: number[] = [];
    const options = { onUsage: ({ tokens }: { tokens: number }) => void used.push(tokens) };
    const first = await model.encode('same text', options);
    const expected = first.data.slice();
    first.data.fill(0);
    (await model.encode('same text', options)).data.fill(1);
    expect((await model.encode('same text', options)).data).toEqual(expected);
    expect(new Set(used).size).toBe(1);
  });

  it('stays within its bytes, and drops what was not used for longest', async () => {
    const cacheBytes = 20_000;
    await using model = await TextEmbedder.load(TINY, { cacheBytes });
    for (let i = 0; i < 100; i++) await model.encode([`text ${i}`, 'always']);
    const { cache } = model.stats();
    expect(cache.bytes).toBeLessThanOrEqual(cacheBytes);
    expect(cache.entries).toBeGreaterThan(5);
    expect(cache.entries).toBeLessThan(90);
    expect(cache.hits).toBe(99);
    await model.encode('text 0');
    expect(model.stats().cache.misses).toBe(cache.misses + 1);
  });

  it('keeps nothing unless asked to', async () => {
    await tiny.encode('twice');
    await tiny.encode('twice');
    expect(tiny.stats().cache).toEqual({ hits: 0, misses: 0, entries: 0, bytes: 0 });
  });
});

describe('several lanes', () => {
  it('share a job and small calls, with the same vectors', async () => {
    await using model = await TextEmbedder.load(TINY, { lanes: 2, threads: 1 });
    expect(model.stats().lanes).toEqual({ alive: 2, deaths: 0 });
    const texts = Array.from({ length: 5000 }, (_, i) => `text ${i % 50} ${'word '.repeat(i % 9)}`);
    const [many, few] = [
      await model.encode(texts),
      await Promise.all(texts.slice(0, 50).map((text) => model.encode(text))),
    ];
    const expected = await tiny.encode(texts);
    expect(maxDifference(many.data, expected.data)).toBeLessThan(1e-5);
    for (const [i, one] of few.entries()) {
      expect(maxDifference(one.data, expected.row(i) as Float32Array)).toBeLessThan(1e-5);
    }
  });

  it('leave the memory when idle, and come back', async () => {
    await using model = await TextEmbedder.load(TINY, { lanes: 2, keepAlive: 0.02 });
    await expect.poll(() => model.stats().lanes.alive, { timeout: 10_000 }).toBe(0);
    expect((await model.encode('text')).data).toEqual((await tiny.encode('text')).data);
    await expect.poll(() => model.stats().lanes.alive, { timeout: 10_000 }).toBe(0);
    expect(model.stats().lanes.deaths).toBe(0);
  });
});

function maxDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}
