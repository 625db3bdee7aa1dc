import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture, readGolden } from './goldens.js';
import { childrenOf, hasProc } from './processes.js';

const { texts } = readGolden<{ texts: string[] }>('tiny/tiny-bert-cls.json');

let model: TextEmbedder;
beforeAll(async () => {
  model = await TextEmbedder.load(fixture('models/tiny-bert-cls'));
});
afterAll(() => model?.close());

function maxDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

describe('calls at the same time', () => {
  it('get the vectors that each would get alone, from far fewer runs', async () => {
    const alone: Float32Array[] = [];
    for (const text of texts) alone.push((await model.encode(text)).data);
    const before = model.stats().batches;
    const many = Array.from({ length: 200 }, (_, i) => texts[i % texts.length]);
    const together = await Promise.all(many.map((text) => model.encode(text)));
    together.forEach(({ rows, data }, i) => {
      expect(rows).toBe(1);
      expect(maxDifference(data, alone[i % texts.length])).toBeLessThan(1e-5);
    });
    expect(model.stats().batches - before).toBeLessThan(many.length / 4);
    expect(model.stats()).toMatchObject({ waiting: 0, running: 0, active: 0 });
  });

  it('keep their own options', async () => {
    const [whole, cut, prompted] = await Promise.all([
      model.encode('a cat'),
      model.encode('a cat', { truncateDim: 4, normalize: true }),
      model.encode('cat', { prompt: 'a ' }),
    ]);
    expect(cut.dims).toBe(4);
    expect(Math.hypot(...cut.data)).toBeCloseTo(1, 5);
    expect(maxDifference(prompted.data, whole.data)).toBeLessThan(1e-5);
  });

  it('do not share memory', async () => {
    const [a, b] = await Promise.all([model.encode('same'), model.encode('same')]);
    a.data.fill(0);
    expect(b.data.some((value) => value !== 0)).toBe(true);
  });

  it.skipIf(!hasProc)('survive the death of the process', async () => {
    const before = new Set(childrenOf(process.pid));
    await using mortal = await TextEmbedder.load(fixture('models/tiny-bert-cls'));
    const lanes = childrenOf(process.pid).filter((pid) => !before.has(pid));
    const calls = Array.from({ length: 50 }, (_, i) => mortal.encode(`text ${i}`));
    for (const pid of lanes) process.kill(pid, 'SIGKILL');
    expect((await Promise.all(calls)).every(({ rows }) => rows === 1)).toBe(true);
  });

  it('are refused when too many wait', async () => {
    await using small = await TextEmbedder.load(fixture('models/tiny-bert-cls'), { maxQueue: 20 });
    const calls = Array.from({ length: 100 }, (_, i) => small.encode(`text ${i}`));
    const results = await Promise.allSettled(calls);
    const refused = results.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused).toHaveLength(80);
    for (const { reason } of refused) expect(reason.code).toBe('ERR_OVERLOADED');
    expect((await small.encode('later')).rows).toBe(1);
  });

  it('are dropped when aborted, and the others go on', async () => {
    const stops = Array.from({ length: 100 }, () => new AbortController());
    const calls = stops.map(({ signal }, i) => model.encode([`${i} words`, 'shared'], { signal }));
    setTimeout(() => {
      for (const [i, stop] of stops.entries()) if (i % 2) stop.abort();
    });
    const results = await Promise.allSettled(calls);
    results.forEach((result, i) => {
      if (result.status === 'rejected') expect([i % 2, result.reason.code]).toEqual([1, 'ERR_ABORTED']);
      else expect(result.value.rows).toBe(2);
    });
  });
});

describe('usage', () => {
  it.each([1, 3, 300])('counts the tokens of %i texts', async (count) => {
    const many = Array.from({ length: count }, (_, i) => texts[i % texts.length]);
    let expected = 0;
    for (const { ids } of await model.tokenize(many)) expected += ids.length;
    const used: number[] = [];
    await model.encode(many, { onUsage: ({ tokens }) => used.push(tokens) });
    expect(used).toEqual([expected]);
  });

  it('has statistics', async () => {
    const before = model.stats();
    await model.encode(['a', 'b c']);
    const after = model.stats();
    expect(after.texts - before.texts).toBe(2);
    expect(after.tokens).toBeGreaterThan(before.tokens);
    expect(after.paddedTokens).toBeGreaterThanOrEqual(after.tokens);
    expect(after.latency.count - before.latency.count).toBe(1);
    expect(after.latency.p99).toBeGreaterThan(0);
  });

  it.each([{ priority: 'urgent' }, { onUsage: 7 }])('refuses %j', async (options) => {
    await expect(model.encode('a', options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });
});
