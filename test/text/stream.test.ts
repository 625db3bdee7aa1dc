import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture, readGolden } from './goldens.js';

const { texts } = readGolden<{ texts: string[] }>('tiny/tiny-bert-cls.json');

describe('encodeStream', () => {
  let model: TextEmbedder;
  beforeAll(async () => {
    model = await TextEmbedder.load(fixture('models/tiny-bert-cls'));
  });
  afterAll(() => model?.close());

  async function* source(count: number, pulled: { count: number } = { count: 0 }) {
    for (; pulled.count < count; pulled.count++) yield texts[pulled.count % texts.length];
  }

  it('gives the rows of encode, in order, in parts', async () => {
    const expected = await model.encode(Array.from({ length: 100 }, (_, i) => texts[i % texts.length]));
    const parts: Float32Array[] = [];
    const rows: number[] = [];
    for await (const part of model.encodeStream(source(100), { window: 32 })) {
      rows.push(part.rows);
      parts.push(part.data);
    }
    expect(rows).toEqual([32, 32, 32, 4]);
    expect(parts.flatMap((part) => [...part])).toEqual([...expected.data]);
  });

  it('reads all of long texts: one row each, or the chunks of each', async () => {
    await using model = await TextEmbedder.load(fixture('models/tiny-bert-cls'), { pooling: 'mean' });
    const long = texts.slice(0, 9).map((text) => `${text} The second sentence. And a third one!`);
    const chunking = { maxTokens: 12, overlap: 4 };
    const means = await model.encode(long, { chunking });
    const rows: number[] = [];
    for await (const part of model.encodeStream(long, { window: 4, chunking })) rows.push(...part.data);
    expect(rows).toEqual([...means.data]);

    for (const pool of ['none', 'late'] as const) {
      const options = { chunking: { ...chunking, pool } };
      const [expected, sizes, parts] = [await model.encode(long, options), [] as number[], [] as unknown[]];
      for await (const part of model.encodeStream(long, { ...options, window: 4 })) {
        sizes.push(part.length);
        parts.push(...part.map(({ data, chunks }) => ({ data: [...data], chunks })));
      }
      expect(sizes).toEqual([4, 4, 1]);
      expect(parts).toEqual(expected.map(({ data, chunks }) => ({ data: [...data], chunks })));
    }
    const wrong = (options: object) => () => model.encodeStream([], options);
    expect(wrong({ chunking: { pool: 'max' } })).toThrow(/chunking\.pool/);
    expect(wrong({ chunking: {}, maxTokens: 9 })).toThrow(/maxTokens/);
    expect(wrong({ chunking: {}, precision: 'int8' })).toThrow(/ranges/);
  });

  it('takes plain iterables and makes nothing of nothing', async () => {
    let rows = 0;
    for await (const part of model.encodeStream(new Set(texts), { window: 7, truncateDim: 4 })) {
      expect(part.dims).toBe(4);
      rows += part.rows;
    }
    expect(rows).toBe(new Set(texts).size);
    for await (const _ of model.encodeStream([])) expect.unreachable();
  });

  it('reads no further ahead than two parts', async () => {
    const pulled = { count: 0 };
    for await (const part of model.encodeStream(source(1e9, pulled), { window: 10 })) {
      expect(part.rows).toBe(10);
      expect(pulled.count).toBeLessThanOrEqual(30);
      break;
    }
    expect(pulled.count).toBeLessThanOrEqual(30);
  });

  it('fails with the source, with a wrong text, and with its signal', async () => {
    async function* failing() {
      yield 'a';
      throw new RangeError('the source');
    }
    const read = async (stream: AsyncIterable<unknown>) => {
      for await (const _ of stream);
    };
    await expect(read(model.encodeStream(failing()))).rejects.toThrow('the source');
    const wrong = read(model.encodeStream(['a', 'b', 3] as string[], { window: 1 }));
    await expect(wrong).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('texts[2]'),
    });
    const stop = new AbortController();
    const stream = model.encodeStream(source(1e9), { window: 10, signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(read(stream)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('hands out a result that its source waits for', async () => {
    const asked: number[] = [];
    let got = 0;
    async function* answers() {
      for (let i = 0; i < 3; i++) {
        while (got < i) await delay(1);
        asked.push(got);
        yield 'a question';
      }
    }
    for await (const { rows } of model.encodeStream(answers(), { window: 1 })) got += rows;
    expect(asked).toEqual([0, 1, 2]);
  });

  it('ends with its signal, its consumer or a failure while its source is silent', async () => {
    let left = 0;
    const silent = (first: string[]) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => {
          const value = first.shift();
          return value === undefined ? new Promise<never>(() => {}) : Promise.resolve({ value, done: false });
        },
        return: () => {
          left++;
          return new Promise<never>(() => {});
        },
      }),
    });
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 50);
    const stream = model.encodeStream(silent([]) as AsyncIterable<string>, { signal: stop.signal });
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(left).toBe(1);
    for await (const part of model.encodeStream(silent(['a']) as AsyncIterable<string>, { window: 1 })) {
      expect(part.rows).toBe(1);
      break;
    }
    expect(left).toBe(2);
  });

  it('waits for a source that tidies up', async () => {
    let tidy = false;
    async function* careful() {
      try {
        for (;;) yield 'a';
      } finally {
        await delay(20);
        tidy = true;
      }
    }
    for await (const _ of model.encodeStream(careful(), { window: 2 })) break;
    expect(tidy).toBe(true);
  });

  it.each<[unknown, object]>([
    ['a string', {}],
    [7, {}],
    [null, {}],
    [[], { window: 0 }],
    [[], { window: 1.5 }],
    [[], { onProgress() {} }],
    [[], { truncateDim: 99 }],
  ])('refuses %j with %j at the call', (source, options) => {
    expect(() => model.encodeStream(source as string[], options)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG' }),
    );
  });
});
