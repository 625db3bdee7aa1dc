import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Chunk } from '#dist/text/chunking/chunk-embeddings.js';
import { sentences } from '#dist/text/chunking/sentences.js';
import { TextEmbedder } from '#dist/text/index.js';
import { expectRows, fixture, readGolden, readMatrix } from './goldens.js';

interface Golden {
  prompt: string;
  max_tokens: number;
  dims: number;
  cases: { text: string; tokens: number; chunks: [number, number][] }[];
}

const SCRIPTS = [
  'The first sentence is here. The second one is a little longer than that! Is the third a question? ',
  '千里之行始于足下。这是第二句话，比第一句话更长一些！你知道吗？',
  '吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。',
  'Ünïcödé 😀😀🎉 \ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67 e\u0301a\u0301. Ещё одно предложение. जीवन एक यात्रा है। ',
  'هذه جملة عربية. وهذه جملة أخرى؟ ',
  'A line that\nis hard-wrapped\nin the middle.\n\nAnother paragraph\r\n\r\nand another. ',
  'no punctuation at all just words and words and more of them until nobody can tell where it was to end ',
  'Averyveryveryveryverylongwordwithoutanyspaceinitthathastobecutsomewhereanyway',
];
const TEXT = SCRIPTS.join('');

let minilm: TextEmbedder;
let modern: TextEmbedder;
beforeAll(async () => {
  [minilm, modern] = await Promise.all([
    TextEmbedder.load('all-MiniLM-L6-v2'),
    TextEmbedder.load(fixture('models/tiny-modernbert')),
  ]);
});
afterAll(() => Promise.all([minilm?.close(), modern?.close()]));

/** ES2024, and in every Node.js that is supported; the compiler's library is older. */
function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** What holds for the chunks of any text. */
async function expectChunks(model: TextEmbedder, text: string, chunks: Chunk[], maxTokens: number) {
  let end = 0;
  for (const chunk of chunks) {
    expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
    expect(chunk.text.trim()).toBe(chunk.text);
    expect(isWellFormed(chunk.text)).toBe(true);
    expect(chunk.end).toBeGreaterThan(end);
    // Only white space lies between two chunks.
    expect(text.slice(end, Math.max(end, chunk.start)).trim()).toBe('');
    expect(chunk.tokens).toBeLessThanOrEqual(maxTokens);
    expect(await model.countTokens(chunk.text)).toBe(chunk.tokens);
    end = chunk.end;
  }
  expect(text.slice(end).trim()).toBe('');
}

describe('sentences', () => {
  it.each([
    TEXT,
    TEXT.repeat(40),
    'x'.repeat(50_000),
    ' '.repeat(5000),
    `${'😀'.repeat(20_000)}`,
    'a b '.repeat(9000),
    '',
  ])('cover a text and tear no character (%#)', (text) => {
    let place = 0;
    for (const [start, end] of sentences(text)) {
      expect(start).toBe(place);
      expect(isWellFormed(text.slice(start, end))).toBe(true);
      expect(end - start).toBeLessThanOrEqual(32 * 1024);
      place = end;
    }
    expect(place).toBe(text.length);
  });

  it('are the same however long the text is', () => {
    const block = 'First one. Second one! Third one? 第四句。';
    const found = Array.from(sentences(block.repeat(500)), ([start, end]) => end - start);
    const once = Array.from(sentences(block), ([start, end]) => end - start);
    expect(found).toEqual(Array.from({ length: 500 }, () => once).flat());
  });

  it('may run over a line break, but not over a blank line', () => {
    const text = 'One sentence\nover two lines. Another\n\nparagraph';
    expect(
      Array.from(sentences(text), ([start, end]) => text.slice(start, end).trim()).filter(Boolean),
    ).toEqual(['One sentence\nover two lines.', 'Another', 'paragraph']);
  });
});

describe('chunk', () => {
  it.each([6, 10, 17, 40, 128])(
    'into at most %i tokens holds all of a text, in every script',
    async (maxTokens) => {
      for (const model of [minilm, modern]) {
        await expectChunks(model, TEXT, await model.chunk(TEXT, { maxTokens }), maxTokens);
      }
    },
  );

  it('of whole sentences, as many as fit', async () => {
    const text = 'One two three. Four five six. Seven eight nine. Ten.';
    const texts = (await minilm.chunk(text, { maxTokens: 10 })).map((chunk) => chunk.text);
    expect(texts).toEqual(['One two three. Four five six.', 'Seven eight nine. Ten.']);
  });

  it('repeats whole sentences, no more tokens than asked for', async () => {
    const text = 'One two three. Four five six. Seven eight nine. Ten eleven.';
    const texts = async (overlap: number) =>
      (await minilm.chunk(text, { maxTokens: 10, overlap })).map((chunk) => chunk.text);
    expect(await texts(3)).toEqual(['One two three. Four five six.', 'Seven eight nine. Ten eleven.']);
    expect(await texts(4)).toEqual([
      'One two three. Four five six.',
      'Four five six. Seven eight nine.',
      'Seven eight nine. Ten eleven.',
    ]);
    const many = await minilm.chunk(TEXT.repeat(5), { maxTokens: 64, overlap: 20 });
    for (let i = 1; i < many.length; i++) {
      const repeated = TEXT.repeat(5).slice(many[i].start, many[i - 1].end);
      if (repeated !== '') expect((await minilm.countTokens(repeated)) - 2).toBeLessThanOrEqual(20);
    }
    expect(many.some(({ start }, i) => i > 0 && start < many[i - 1].end)).toBe(true);
  });

  it('cuts a long sentence between words, and a long word within', async () => {
    const words = Array.from({ length: 100 }, (_, i) => `word${i}`);
    const chunks = await minilm.chunk(words.join(' '), { maxTokens: 20 });
    expect(chunks.map(({ text }) => text).join(' ')).toBe(words.join(' '));
    expect(chunks.flatMap(({ text }) => text.split(' '))).toEqual(words);
    const word = await minilm.chunk(SCRIPTS[7], { maxTokens: 10 });
    expect(word.length).toBeGreaterThan(1);
    expect(word.map(({ text }) => text).join('')).toBe(SCRIPTS[7]);
  });

  it('leaves room for the prompt', async () => {
    const prompt = 'search for the following passage: ';
    const chunks = await minilm.chunk(TEXT, { maxTokens: 32, prompt });
    for (const { text } of chunks) expect(await minilm.countTokens(prompt + text)).toBeLessThanOrEqual(32);
  });

  it('takes as many tokens as the model reads by default, and lone surrogates', async () => {
    const chunks = await minilm.chunk(TEXT.repeat(10));
    expect(Math.max(...chunks.map(({ tokens }) => tokens))).toBeGreaterThan(200);
    const odd = 'a \ud800 b. \udc00 c. ';
    const [chunk] = await minilm.chunk(odd);
    expect([chunk.text, chunk.start, chunk.end]).toEqual([odd.trim(), 0, odd.trim().length]);
  });

  it.each(['', '   \n\t ', '\u200b\u0001'])('of a text without tokens (%j) gives none', async (text) => {
    expect(await minilm.chunk(text)).toEqual([]);
  });

  it.each<[unknown, RegExp]>([
    [{ maxTokens: 2 }, /between 3 and 256 for options.maxTokens/],
    [{ maxTokens: 257 }, /maxTokens/],
    [{ maxTokens: 10.5 }, /maxTokens/],
    [{ maxTokens: 10, overlap: 8 }, /between 0 and 7 for options.overlap/],
    [{ overlap: -1 }, /overlap/],
    [{ maxTokens: 5, prompt: 'far too long a prompt for that' }, /tokens of special tokens and prompt/],
    [{ promptName: 'nope' }, /promptName/],
    [{ maxToken: 5 }, /did you mean 'maxTokens'/],
    [{ signal: 1 }, /signal/],
    [7, /options/],
  ])('refuses %j', async (options, message) => {
    await expect(minilm.chunk('text', options as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses what is no text, and stops when it is aborted', async () => {
    await expect(minilm.chunk(['a'] as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    await expect(minilm.chunk('a', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    const stop = new AbortController();
    const chunking = minilm.chunk(TEXT.repeat(2000), { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(chunking).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});

describe('encode with chunking', () => {
  const chunking = { maxTokens: 40 };

  it("pool 'none' gives the vector of each chunk's text", async () => {
    const texts = [TEXT, '', 'short'];
    const parts = await minilm.encode(texts, { chunking: { ...chunking, pool: 'none' } });
    for (const [i, { chunks, rows, dims, data }] of parts.entries()) {
      expect(chunks).toEqual(await minilm.chunk(texts[i], chunking));
      expectRows({ data, rows, dims }, await minilm.encode(chunks.map(({ text }) => text)), {
        cosine: 0.99999,
        absolute: 1e-5,
      });
    }
    expect(parts.map(({ rows }) => rows > 0)).toEqual([true, false, true]);
  });

  it("pool 'mean' gives the mean of the chunks' vectors by their tokens, of length 1 as the model's own", async () => {
    const texts = [TEXT, '', 'short'];
    const e = await minilm.encode(texts, { chunking });
    const [{ chunks, data, dims }] = await minilm.encode([TEXT], { chunking: { ...chunking, pool: 'none' } });
    const mean = Float64Array.from({ length: dims }, (_, d) =>
      chunks.reduce((sum, { tokens }, i) => sum + tokens * data[i * dims + d], 0),
    );
    const length = Math.hypot(...mean);
    e.row(0).forEach((value, d) => void expect(value).toBeCloseTo(mean[d] / length, 5));
    expect(e.row(1)).toEqual((await minilm.encode('')).row(0));
    expect(e.row(2)).toEqual((await minilm.encode('short')).row(0));
  });

  it('does not scale the mean where the model does not', async () => {
    const e = await modern.encode(TEXT, { chunking });
    const [{ chunks, data, dims }] = await modern.encode([TEXT], { chunking: { ...chunking, pool: 'none' } });
    const total = chunks.reduce((sum, { tokens }) => sum + tokens, 0);
    e.row(0).forEach((value, d) => {
      const mean = chunks.reduce((sum, { tokens }, i) => sum + (tokens / total) * data[i * dims + d], 0);
      expect(value).toBeCloseTo(mean, 4);
    });
  });

  it.each(['all-MiniLM-L6-v2', 'tiny-bert-dense', 'tiny-modernbert'])(
    "pool 'late' gives the means of %s's token vectors that Python gives",
    async (name) => {
      const { prompt, max_tokens: maxTokens, dims, cases } = readGolden<Golden>(`chunking/${name}.json`);
      const id = name.startsWith('tiny') ? fixture(`models/${name}`) : name;
      await using model = await TextEmbedder.load(id, { maxTokens: 128 });
      const texts = cases.map(({ text }) => text);
      const parts = await model.encode(texts, { prompt, chunking: { maxTokens, pool: 'late' } });
      expect(parts.map(({ chunks }) => chunks.map(({ start, end }) => [start, end]))).toEqual(
        cases.map(({ chunks }) => chunks),
      );
      const data = Float32Array.from(parts.flatMap((part) => Array.from(part.data)));
      expectRows({ data, rows: data.length / dims, dims }, readMatrix(`chunking/${name}.f32.bin`, dims), {
        cosine: 0.99999,
        absolute: 5e-4,
      });
    },
  );

  it("pool 'late' reads a text that is too long in windows with context before them", async () => {
    const text = TEXT.repeat(6);
    const [{ chunks, data, dims, rows }] = await minilm.encode([text], {
      chunking: { ...chunking, pool: 'late' },
    });
    expect(rows).toBe(chunks.length);
    expect(chunks).toEqual(await minilm.chunk(text, chunking));
    const alone = await minilm.encode([text], { chunking: { ...chunking, pool: 'none' } });
    for (let i = 0; i < rows; i++) {
      const row = data.subarray(i * dims, (i + 1) * dims);
      expect(Math.hypot(...row)).toBeCloseTo(1, 5);
      // It is about the same thing as the chunk alone, and not the same.
      const other = alone[0].row(i);
      const cosine = row.reduce((sum, value, d) => sum + value * other[d], 0);
      expect(cosine).toBeGreaterThan(0.2);
      expect(cosine).toBeLessThan(0.9999);
    }
  });

  it('gives the same rows for many texts as for each alone, whatever the batches', async () => {
    const texts = Array.from({ length: 30 }, (_, i) => TEXT.slice(0, 20 + i * 30));
    const rows = async (pool: 'mean' | 'none' | 'late', list: string[]): Promise<Float32Array[]> => {
      if (pool === 'mean') return [...(await minilm.encode(list, { chunking }))];
      const parts = await minilm.encode(list, { chunking: { ...chunking, pool } });
      return parts.map(({ data }) => data);
    };
    for (const pool of ['mean', 'none', 'late'] as const) {
      const all = await rows(pool, texts);
      for (const i of [0, 7, 29]) {
        const [one] = await rows(pool, [texts[i]]);
        expect(one.length).toBe(all[i].length);
        one.forEach((value, d) => void expect(Math.abs(value - all[i][d])).toBeLessThan(1e-4));
      }
    }
  });

  it('cuts, normalises and quantises after the mean', async () => {
    const [whole, cut, bits] = await Promise.all([
      minilm.encode(TEXT, { chunking }),
      minilm.encode(TEXT, { chunking, truncateDim: 8, normalize: true }),
      minilm.encode(TEXT, { chunking, precision: 'ubinary' }),
    ]);
    const length = Math.hypot(...whole.row(0).subarray(0, 8));
    cut.row(0).forEach((value, d) => void expect(value).toBeCloseTo(whole.data[d] / length, 5));
    expect(bits.data[0] >> 7).toBe(whole.data[0] > 0 ? 1 : 0);
    const [late] = await minilm.encode([TEXT], {
      truncateDim: 16,
      precision: 'binary',
      chunking: { ...chunking, pool: 'late' },
    });
    expect([late.dims, late.precision, late.data.length]).toEqual([16, 'binary', 2 * late.rows]);
  });

  it('puts prompts before every chunk, tells tokens and progress, and takes no texts', async () => {
    let tokens = 0;
    const seen: [number, number][] = [];
    const [part] = await minilm.encodeQuery([TEXT], {
      prompt: 'query: ',
      chunking: { ...chunking, pool: 'none' },
      onUsage: (usage) => {
        tokens = usage.tokens;
      },
      onProgress: ({ completed, total }) => seen.push([completed, total]),
    });
    const counts = await Promise.all(part.chunks.map(({ text }) => minilm.countTokens(`query: ${text}`)));
    expect(tokens).toBe(counts.reduce((a, b) => a + b));
    expect(seen.at(-1)).toEqual([part.rows, part.rows]);
    expect(await minilm.encode([], { chunking: { pool: 'late' } })).toEqual([]);
    expect((await minilm.encode([], { chunking })).rows).toBe(0);
  });

  it.each<[object, RegExp]>([
    [{ chunking: { pool: 'max' } }, /'late' for chunking.pool/],
    [{ chunking: { maxTokens: 0 } }, /chunking.maxTokens/],
    [{ chunking: { size: 100 } }, /chunking/],
    [{ chunking: true }, /chunking/],
    [{ chunking: null }, /chunking/],
    [{ chunking: {}, maxTokens: 20 }, /maxTokens/],
    [{ chunking: {}, truncationSide: 'left' }, /truncationSide/],
    [{ chunking: {}, output: 'token' }, /output/],
    [{ chunking: { pool: 'none' }, precision: 'int8' }, /ranges/],
  ])('refuses %j', async (options, message) => {
    await expect(minilm.encode('text', options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(message) as string,
    });
  });

  it("refuses 'late' for a model that does not pool by mean, unless told to", async () => {
    const folder = fixture('models/tiny-bert-cls');
    await using cls = await TextEmbedder.load(folder);
    const late = { chunking: { pool: 'late' } } as const;
    await expect(cls.encode('text', late)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('pools by cls; the load option pooling changes that') as string,
    });
    await using mean = await TextEmbedder.load(folder, { pooling: 'mean' });
    expect((await mean.encode(['text'], late))[0].rows).toBe(1);
  });

  it('stops when it is aborted', async () => {
    for (const pool of ['mean', 'late'] as const) {
      const stop = new AbortController();
      const encoding = minilm.encode(Array(20).fill(TEXT.repeat(20)), {
        chunking: { pool },
        signal: stop.signal,
      });
      setTimeout(() => stop.abort(), 300);
      await expect(encoding).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    }
  });
});
