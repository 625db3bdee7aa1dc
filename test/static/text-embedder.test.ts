import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StaticEmbedder } from '#dist/static/index.js';
import { TextEmbedder } from '#dist/text/index.js';
import { outcome } from '../outcome.js';
import { fixture } from '../text/goldens.js';
import { modelFolders } from '../text/model-folders.js';
import { childrenOf, hasProc } from '../text/processes.js';

const STATIC = fixture('models/tiny-static');
const TEXTS = [
  'A man is eating food.',
  '',
  'Someone has dinner. '.repeat(30),
  '千里之行 😀 \ud800',
  'hello world',
];

let model: TextEmbedder;
let own: StaticEmbedder;
beforeAll(async () => {
  [model, own] = await Promise.all([TextEmbedder.load(STATIC), StaticEmbedder.load(STATIC)]);
});
afterAll(() => Promise.all([model?.close(), own?.close()]));

describe('TextEmbedder with a static model', () => {
  const { variant } = modelFolders();

  it('is a TextEmbedder that starts no process', () => {
    expect(model).toBeInstanceOf(TextEmbedder);
    if (hasProc) expect(childrenOf(process.pid)).toEqual([]);
    expect([model.modelId, model.dimensions, model.maxTokens]).toEqual([
      STATIC,
      32,
      Number.POSITIVE_INFINITY,
    ]);
    expect(model.modelFile).toMatch(/tiny-static.model\.safetensors$/);
    expect(model.prompts).toEqual(own.prompts);
  });

  it('does not load onnxruntime', async () => {
    const program = `
      import { TextEmbedder } from 'embedlane';
      const model = await TextEmbedder.load(${JSON.stringify(STATIC)});
      await model.encode('text');
      const loaded = process.report.getReport().sharedObjects.filter((file) => /onnxruntime/.test(file));
      console.log(JSON.stringify(loaded));
      await model.close();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'pipe' });
    const { code, stdout, stderr } = await outcome(child);
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: '[]', stderr: '' });
  });

  it('gives the vectors, tokens and counts of StaticEmbedder', async () => {
    const options = [{}, { normalize: true }, { truncateDim: 8, normalize: true }, { prompt: 'query: ' }];
    for (const option of options) {
      expect((await model.encode(TEXTS, option)).data).toEqual((await own.encode(TEXTS, option)).data);
    }
    expect((await model.encodeQuery(TEXTS)).data).toEqual((await own.encodeQuery(TEXTS)).data);
    expect(await model.tokenize(TEXTS)).toEqual(await own.tokenize(TEXTS));
    for (const text of TEXTS) expect(await model.countTokens(text)).toBe(await own.countTokens(text));
    const many = Array.from({ length: 5000 }, (_, i) => `text number ${i} ${'word '.repeat(i % 40)}`);
    expect((await model.encode(many)).data).toEqual((await own.encode(many)).data);
  });

  it('gives those of model2vec where the folder is one', async () => {
    const folder = await variant('tiny-model2vec', { 'modules.json': undefined });
    await using text = await TextEmbedder.load(folder);
    await using other = await StaticEmbedder.load(folder);
    const texts = [...TEXTS, 'unknown ☃ '.repeat(2000)];
    expect((await text.encode(texts)).data).toEqual((await other.encode(texts)).data);
    expect(text.maxTokens).toBe(512);
    const typed = await variant('tiny-model2vec', {
      'modules.json': undefined,
      'config.json': { model_type: 'model2vec', normalize: true },
      'onnx/model.onnx': Buffer.from('for another library'),
    });
    await using again = await TextEmbedder.load(typed);
    expect(again.dimensions).toBe(text.dimensions);
  });

  it('cuts, decodes, counts usage, streams, quantises and has statistics', async () => {
    const [{ ids }] = await model.tokenize('hello world');
    expect(await model.decode(ids)).toBe('hello world');
    let tokens = 0;
    const count = (usage: { tokens: number }) => {
      tokens = usage.tokens;
    };
    await model.encode(['hello world', 'hello'], { onUsage: count });
    expect(tokens).toBe(ids.length + (await model.countTokens('hello')));
    const long = 'hello world and everything else';
    const cut = await model.encode(long, { maxTokens: ids.length });
    expect(cut.data).toEqual((await model.encode('hello world')).data);
    const left = await model.encode('everything hello world', {
      maxTokens: ids.length,
      truncationSide: 'left',
    });
    expect(left.data).toEqual(cut.data);
    const parts: number[] = [];
    for await (const part of model.encodeStream(TEXTS, { window: 2 })) parts.push(part.rows);
    expect(parts).toEqual([2, 2, 1]);
    expect((await model.encode(TEXTS, { precision: 'ubinary' })).data.length).toBe(5 * 4);
    expect(model.stats().texts).toBeGreaterThan(5);
  });

  it('cuts texts into chunks and pools them', async () => {
    const text = 'One two three. Four five six! 千里之行始于足下。这是第二句话。 '.repeat(10);
    const chunks = await model.chunk(text, { maxTokens: 20 });
    expect(chunks.length).toBeGreaterThan(3);
    for (const chunk of chunks) {
      expect(text.slice(chunk.start, chunk.end)).toBe(chunk.text);
      expect(chunk.tokens).toBeLessThanOrEqual(20);
      expect(await model.countTokens(chunk.text)).toBe(chunk.tokens);
    }
    const [none] = await model.encode([text], { chunking: { maxTokens: 20, pool: 'none' } });
    expect(none.data).toEqual((await model.encode(chunks.map((chunk) => chunk.text))).data);
    expect((await model.encode(text, { chunking: { maxTokens: 20 } })).rows).toBe(1);
    await expect(model.chunk(text)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('no limit of its own') as string,
    });
  });

  it.each<[object, RegExp]>([
    [{ output: 'token' }, /gives token vectors/],
    [{ chunking: { maxTokens: 8, pool: 'late' } }, /no vectors of tokens/],
    [{ truncateDim: 33 }, /truncateDim/],
  ])('refuses %j', async (options, message) => {
    await expect(model.encode('text', options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(message) as string,
    });
  });

  it.each<object>([{ modelFile: 'model.onnx' }, { pooling: 'cls' }, { dtype: 'int8' }, { maxTokens: 0 }])(
    'refuses to load with %j',
    async (options) => {
      await expect(TextEmbedder.load(STATIC, options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    },
  );

  it('lets the event loop turn all the while, tells its progress, and keeps the order', async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => `text ${i % 1000} of many`);
    let over = false;
    let turns = 0;
    const turn = () => {
      turns++;
      if (!over) setImmediate(turn);
    };
    const seen: { completed: number; tokens?: number; turns: number }[] = [];
    const encoding = model.encode(many, {
      onProgress: ({ completed, tokens }) => seen.push({ completed, tokens, turns }),
    });
    setImmediate(turn);
    const { data } = await encoding;
    over = true;
    const first = Buffer.from((await own.encode(many.slice(0, 1000))).data.buffer);
    for (let start = 0; start < data.byteLength; start += first.length) {
      expect(first.equals(Buffer.from(data.buffer, start, first.length))).toBe(true);
    }
    expect(seen.at(-1)).toMatchObject({ completed: many.length });
    expect(seen.map(({ completed }) => completed)).toEqual(
      seen.map(({ completed }) => completed).sort((a, b) => a - b),
    );
    let tokens = 0;
    await model.encode(many, { onUsage: (usage) => (tokens = usage.tokens) });
    expect(seen.at(-1)?.tokens).toBe(tokens);
    // Nowhere did a quarter of the work go by in one turn.
    const quarter = many.length / 4;
    for (const { completed, turns: before } of seen) {
      const after = seen.find((later) => later.completed > completed + quarter);
      if (after) expect(after.turns).toBeGreaterThan(before);
    }
  });

  it('stops between slices when it is aborted, and passes on what the progress function throws', async () => {
    const many = Array.from({ length: 60_000 }, (_, i) => `text ${i}`);
    const stop = new AbortController();
    let most = 0;
    const aborted = model.encode(many, {
      signal: stop.signal,
      onProgress: ({ completed }) => {
        most = completed;
        setImmediate(() => stop.abort());
      },
    });
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(most).toBeLessThan(many.length);
    const failing = model.encode(many, {
      onProgress: () => {
        throw new RangeError('mine');
      },
    });
    await expect(failing).rejects.toThrow(new RangeError('mine'));
    expect(model.stats().active).toBe(0);
  });

  it('is aborted and closed as any other', async () => {
    const many = Array.from({ length: 200_000 }, (_, i) => `words of text ${i}`);
    const stop = new AbortController();
    const aborted = expect(model.encode(many, { signal: stop.signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
    setTimeout(() => stop.abort(), 20);
    await aborted;
    expect((await model.encode('text')).rows).toBe(1);
    const other = await TextEmbedder.load(STATIC);
    const closed = expect(other.encode(many)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await other.close();
    await closed;
    await expect(other.encode('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(other.tokenize('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  it('says what is damaged', async () => {
    const folder = await variant('tiny-static', { 'model.safetensors': Buffer.from('cut short') });
    await expect(TextEmbedder.load(folder)).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
  });
});
