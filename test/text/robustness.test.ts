import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Tokenizer } from 'tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { fixture, readGolden } from './goldens.js';
import { childrenOf, hasProc } from './processes.js';

const TINY = fixture('models/tiny-bert-cls');
const { texts } = readGolden<{ texts: string[] }>('tiny/tiny-bert-cls.json');

let tiny: TextEmbedder;
let minilm: TextEmbedder;
let folder: string;
beforeAll(async () => {
  [tiny, minilm] = await Promise.all([TextEmbedder.load(TINY), TextEmbedder.load('all-MiniLM-L6-v2')]);
  folder = await mkdtemp(join(tmpdir(), 'embedlane-text-'));
});
afterAll(async () => {
  await Promise.all([tiny?.close(), minilm?.close(), rm(folder, { recursive: true })]);
});

/** 99th percentile of the event loop's delay while `work` runs, in milliseconds. */
/** Milliseconds that no busy machine explains; a batch in the caller's thread takes longer. */
const BLOCKED = 250;

async function loopDelay(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}

describe('texts', () => {
  it.each<[unknown, string]>([
    [undefined, 'texts'],
    [null, 'texts'],
    [7, 'texts'],
    [{ length: 1, 0: 'a' }, 'texts'],
    [new Uint8Array(3), 'texts'],
    [['a', 'b', 'c', 7], 'texts[3]'],
    [['a', undefined], 'texts[1]'],
    [['a', ['b']], 'texts[1]'],
    [[new String('a')], 'texts[0]'],
    [new Array(2), 'texts[0]'],
  ])('that are none (%j) are refused by name', async (value, name) => {
    const error = { code: 'ERR_INVALID_ARG', message: expect.stringContaining(`for ${name} but`) as string };
    await expect(tiny.encode(value as string[])).rejects.toMatchObject(error);
    await expect(tiny.tokenize(value as string[])).rejects.toMatchObject(error);
  });

  it('may be one string, none, or empty', async () => {
    const one = await tiny.encode('hello world');
    expect([one.rows, one.dims]).toEqual([1, 32]);
    expect(one.data).toEqual((await tiny.encode(['hello world'])).data);
    const none = await tiny.encode([]);
    expect([none.rows, none.dims, none.data.length]).toEqual([0, 32, 0]);
    expect((await tiny.encode([], { truncateDim: 5 })).dims).toBe(5);
    expect((await tiny.encode('')).data.every(Number.isFinite)).toBe(true);
    expect(await tiny.tokenize([])).toEqual([]);
    expect((await tiny.tokenize(''))[0].tokens).toEqual(['[CLS]', '[SEP]']);
  });

  it('may hold lone surrogates, NUL and control characters', async () => {
    const odd = ['a \ud800 b', '\udc00', 'a\0b', '\u0001\u001b', '\u200b', '😀'.repeat(50)];
    const e = await tiny.encode(odd);
    expect(e.data.every(Number.isFinite)).toBe(true);
    expect(e.row(0)).toEqual((await tiny.encode('a \ufffd b')).row(0));
  });

  it('may be changed by the caller once the call was made', async () => {
    const list = [...texts];
    const expected = await tiny.encode(texts);
    const encoding = tiny.encode(list);
    list.fill('changed');
    expect((await encoding).data).toEqual(expected.data);
  });

  it('may be 100,000, without blocking the event loop', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `text ${i % 1000}`);
    let e = await tiny.encode([]);
    const delay = await loopDelay(async () => {
      e = await tiny.encode(many);
    });
    expect(e.rows).toBe(100_000);
    expect(e.row(99_123)).toEqual(e.row(123));
    expect(delay).toBeLessThan(BLOCKED);
  });
});

/** Ids by the tokenizer library itself, which is given all of each text. */
async function wholeIds(texts: string[]): Promise<number[][]> {
  const tokenizer = Tokenizer.fromFile('models/all-MiniLM-L6-v2/tokenizer.json');
  tokenizer.disablePadding();
  tokenizer.setTruncation(256);
  return (await tokenizer.encodeBatch(texts)).map((encoding) => encoding.getIds());
}

describe('long texts', () => {
  const prose = 'It was a bright cold day in April, and the clocks were striking thirteen. ';

  it.each<[string, string]>([
    ['2 MB of prose', prose.repeat(28_000)],
    ['100 kB of spaces and then words', `${' '.repeat(100_000)}${prose.repeat(100)}`],
    ['one word of 100 kB and then words', `${'a'.repeat(100_000)} ${prose.repeat(100)}`],
    ['300 kB of Chinese without spaces', '千里之行始于足下'.repeat(40_000)],
    ['surrogate pairs all over', '😀🎉'.repeat(30_000)],
    ['punctuation only', '!?.,;:'.repeat(10_000)],
  ])('%s: the same tokens and vector as the whole text', async (_, text) => {
    const [tokens] = await minilm.tokenize(text);
    expect(tokens.ids).toEqual(await wholeIds([text]).then(([ids]) => ids));
    // The vector of as many words as are certainly enough, sent in one piece.
    const enough = (await minilm.tokenize(text))[0].offsets.reduce((most, [, end]) => Math.max(most, end), 0);
    expect((await minilm.encode(text)).data).toEqual((await minilm.encode(text.slice(0, enough))).data);
  });

  it('of random scripts, words and spaces have the same tokens as the whole text', async () => {
    const parts = [
      'word',
      'Ünïcödé',
      '千里',
      '😀',
      ' ',
      '   ',
      '\n\n',
      '-',
      '...',
      'a'.repeat(150),
      '[SEP]',
      '\u0301',
      'ﬁ',
    ];
    let state = 42;
    const random = (below: number) => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return Math.floor((state / 2 ** 31) * below);
    };
    const long = Array.from({ length: 150 }, () => {
      const chosen = Array.from({ length: 1 + random(4) }, () => parts[random(parts.length)]);
      const pieces = Array.from({ length: 500 + random(6000) }, () => chosen[random(chosen.length)]);
      return pieces.join(random(2) ? ' ' : '');
    });
    const expected = await wholeIds(long);
    const actual = await minilm.tokenize(long);
    actual.forEach(({ ids }, i) => void expect(ids, long[i].slice(0, 40)).toEqual(expected[i]));
  });

  it.each<[string, string]>([
    ['300 kB of one letter', 'a'.repeat(300_000)],
    ['1 MB of spaces', ' '.repeat(1_000_000)],
    ['3 MB of one letter', 'a'.repeat(3_000_000)],
  ])(
    '%s: all of it is read, as nothing shorter would be certain',
    async (_, text) => {
      let tokens: string[] = [];
      const delay = await loopDelay(async () => {
        [{ tokens }] = await minilm.tokenize(text);
      });
      expect(tokens).toEqual(text[0] === ' ' ? ['[CLS]', '[SEP]'] : ['[CLS]', '[UNK]', '[SEP]']);
      expect(delay).toBeLessThan(BLOCKED);
    },
    60_000,
  );

  it('10 MB do not block the event loop', async () => {
    const text = prose.repeat(140_000);
    expect(await loopDelay(() => minilm.encode([text, 'short', text]))).toBeLessThan(BLOCKED);
  });

  it('count all of their tokens', async () => {
    const one = (await minilm.countTokens(prose)) - 2;
    expect(await minilm.countTokens(prose.repeat(8000))).toBe(8000 * one + 2);
  });
});

describe('options', () => {
  it.each<[object, RegExp]>([
    [{ normalise: true }, /did you mean 'normalize'/],
    [{ normalize: 1 }, /normalize/],
    [{ truncateDim: 0 }, /truncateDim/],
    [{ truncateDim: 33 }, /between 1 and 32 for truncateDim/],
    [{ truncateDim: 1.5 }, /truncateDim/],
    [{ truncateDim: Number.NaN }, /truncateDim/],
    [{ prompt: 7 }, /prompt/],
    [{ promptName: 'nope' }, /query, document.*'nope'/],
    [{ promptName: 'toString' }, /promptName/],
    [{ precision: 'int4' }, /'ubinary' for precision/],
    [{ signal: {} }, /signal/],
    [{ onProgress: 1 }, /onProgress/],
  ])('%j are refused', async (options, message) => {
    const error = { code: 'ERR_INVALID_ARG', message: expect.stringMatching(message) as string };
    await expect(tiny.encode('a', options)).rejects.toMatchObject(error);
    await expect(tiny.encodeQuery('a', options)).rejects.toMatchObject(error);
  });

  it.each<object>([
    { dtype: 'fp8' },
    { device: 'tpu' },
    { deviceId: -1 },
    { lanes: 0 },
    { lanes: 1.5 },
    { keepAlive: -1 },
    { keepAlive: Number.NaN },
    { keepAlive: '5m' },
    { isolation: 'vm' },
    { threads: 0 },
    { threads: 1.5 },
    { spin: -1 },
    { spin: true },
    { tokenBudget: 0 },
    { maxTokens: 2 },
    { maxTokens: 4096 },
    { pooling: 'median' },
    { pooling: [] },
    { signal: 1 },
    { quantized: true },
  ])('of load: %j are refused', async (options) => {
    await expect(TextEmbedder.load(TINY, options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });

  it('carry errors of onProgress to the caller and not to the process', async () => {
    const onProgress = () => {
      throw new RangeError('mine');
    };
    await expect(tiny.encode(texts, { onProgress })).rejects.toThrow(RangeError);
    expect((await tiny.encode(texts)).rows).toBe(texts.length);
  });

  it('report progress that never decreases and ends at the total', async () => {
    const seen: { completed: number; total: number; tokens?: number }[] = [];
    await minilm.encode(
      texts.map((text) => text.repeat(20)),
      { onProgress: (progress) => seen.push(progress) },
    );
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.map(({ completed }) => completed)).toEqual(
      seen.map(({ completed }) => completed).toSorted((a, b) => a - b),
    );
    expect(seen.at(-1)).toMatchObject({ completed: texts.length, total: texts.length });
  });

  it('leave the stack of the caller in errors', async () => {
    async function callerOfEncode() {
      await tiny.encode(7 as never);
    }
    async function callerOfLoad() {
      await TextEmbedder.load(join(folder, 'nowhere'));
    }
    const a = await callerOfEncode().catch((error: Error) => error);
    const b = await callerOfLoad().catch((error: Error) => error);
    expect([a?.stack, b?.stack].join()).toMatch(/callerOfEncode[\s\S]*callerOfLoad/);
  });
});

describe('models', () => {
  async function copy(base = TINY): Promise<string> {
    const path = await mkdtemp(join(folder, 'model-'));
    await cp(base, path, { recursive: true });
    return path;
  }

  it.each(['./nowhere', 'org/name', 'all-MiniLM'])(
    'that are not there (%s) are ERR_MODEL_NOT_FOUND',
    async (id) => {
      await expect(TextEmbedder.load(id)).rejects.toMatchObject({ code: 'ERR_MODEL_NOT_FOUND' });
    },
  );

  it('without the wanted file name the files they have', async () => {
    const message = expect.stringMatching(
      /model\.onnx.*onnx\/model_fp16\.onnx, onnx\/model_quantized\.onnx/,
    ) as string;
    await expect(TextEmbedder.load('all-MiniLM-L6-v2', { dtype: 'fp32' })).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
      message,
    });
  });

  it.each([0, 1, 1000, 200_000])(
    'cut after %i bytes are ERR_MODEL_INVALID, and leave no process',
    async (length) => {
      const id = await copy();
      await truncate(join(id, 'onnx/model.onnx'), length);
      const before = hasProc ? childrenOf(process.pid).length : 0;
      await expect(TextEmbedder.load(id)).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
      if (hasProc) expect(childrenOf(process.pid)).toHaveLength(before);
    },
  );

  it('that compute NaN are ERR_MODEL_INVALID, and go on working for other texts', async () => {
    const id = await copy();
    const file = join(id, 'onnx/model.onnx');
    const graph = await readFile(file);
    // The word table's values follow its name, a tag and a length of three bytes; 863 is "hello".
    const name = 'hf.embeddings.word_embeddings.weightJ';
    const table = graph.indexOf(`$${name}`) + 1 + name.length + 3;
    for (let d = 0; d < 32; d++) graph.writeFloatLE(Number.NaN, table + (863 * 32 + d) * 4);
    await writeFile(file, graph);
    await using model = await TextEmbedder.load(id);
    await expect(model.encode('hello')).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    expect((await model.encode('goodbye')).data).toEqual((await tiny.encode('goodbye')).data);
  });

  it('whose files vanish after loading keep working', async () => {
    const id = await copy();
    await using model = await TextEmbedder.load(id);
    await rm(id, { recursive: true });
    expect((await model.encode(texts)).rows).toBe(texts.length);
    await model.countTokens('text');
  });
});

describe('calls', () => {
  it('at the same time each get their own results', async () => {
    const expected = await tiny.encode(texts);
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const from = i % 20;
        const e = await tiny.encode(texts.slice(from, from + 10));
        expect(e.data).toEqual(expected.data.slice(from * 32, (from + 10) * 32));
      }),
    );
  });

  it('that are small are not stuck behind large ones', async () => {
    const many = Array.from({ length: 300 }, () => 'many words '.repeat(200));
    const stop = new AbortController();
    const bulk = minilm.encode(many, { signal: stop.signal }).catch((error: unknown) => error);
    let done = false;
    void bulk.then(() => {
      done = true;
    });
    await minilm.encode('a question');
    expect(done).toBe(false);
    stop.abort();
    expect(await bulk).toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('do not block the event loop', async () => {
    const many = Array.from({ length: 200 }, (_, i) => 'some words of text '.repeat(1 + (i % 20)));
    expect(await loopDelay(() => minilm.encode(many))).toBeLessThan(BLOCKED);
  });

  it('aborted before or during reject with ERR_ABORTED and the reason, and cost nothing more', async () => {
    const reason = new Error('changed my mind');
    const error = { code: 'ERR_ABORTED', cause: reason };
    await expect(minilm.encode(texts, { signal: AbortSignal.abort(reason) })).rejects.toMatchObject(error);
    await expect(TextEmbedder.load(TINY, { signal: AbortSignal.abort(reason) })).rejects.toMatchObject(error);
    const loading = new AbortController();
    const load = TextEmbedder.load('all-MiniLM-L6-v2', { signal: loading.signal });
    setTimeout(() => loading.abort(reason), 50);
    await expect(load).rejects.toMatchObject(error);

    const many = Array.from({ length: 2000 }, () => 'many words '.repeat(200));
    const during = new AbortController();
    const start = performance.now();
    const encoding = minilm.encode(many, { signal: during.signal, onProgress: () => during.abort(reason) });
    await expect(encoding).rejects.toMatchObject(error);
    // Dozens of batches are queued in the lane: had they not been dropped, this would take a minute.
    await minilm.encode('next');
    expect(performance.now() - start).toBeLessThan(30_000);
  });

  it('after close() reject with ERR_CLOSED', async () => {
    const model = await TextEmbedder.load(TINY);
    const pending = model.encode(Array.from({ length: 5000 }, () => 'words '.repeat(60)));
    const settled = expect(pending).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await model.close();
    await settled;
    await model.close();
    await expect(model.encode('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(model.encode([])).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(model.tokenize('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(model.countTokens('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('that are wrong are wrong before the model is closed or asked', async () => {
    await expect(tiny.countTokens(7 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(tiny.countTokens(['a'] as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });
});
