import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StaticEmbedder, type StaticLoadOptions } from '#dist/static/index.js';
import { simd } from '#dist/vectors/index.js';
import { fixture } from '../text/goldens.js';

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'embedlane-static-'));
});
afterAll(() => rm(scratch, { recursive: true }));

/** A copy of a model that the test may damage. */
async function copyOf(model: string): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'model-'));
  await cp(fixture(`models/${model}`), folder, { recursive: true });
  return folder;
}

/** A safetensors file. */
function safetensors(
  tensors: Record<string, { dtype: string; shape: number[]; data: ArrayBufferView }>,
): Buffer {
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    end += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header).padEnd(8 * Math.ceil(JSON.stringify(header).length / 8)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...parts]);
}

const load = (folder: string, options?: StaticLoadOptions) => StaticEmbedder.load(folder, options);

describe('StaticEmbedder.load', () => {
  it.each([
    ['an unknown option', { treads: 2 }, /did you mean 'threads'/],
    ['an unknown library', { library: 'fasttext' }, /sentence-transformers/],
    ['no threads', { threads: 0 }, /threads/],
    ['no tokens', { maxTokens: 0 }, /maxTokens/],
    ['an unknown mode', { mode: 'map' }, /'memory', 'mmap'.*mode/],
  ])('refuses %s', async (_, options, message) => {
    const loading = load(fixture('models/tiny-static'), options as StaticLoadOptions);
    await expect(loading).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(message),
    });
  });

  it('says what is missing or damaged', async () => {
    const damages: [(folder: string) => Promise<void>, RegExp][] = [
      [(folder) => rm(join(folder, 'model.safetensors')), /model\.safetensors/],
      [(folder) => truncate(join(folder, 'model.safetensors'), 50_000), /model\.safetensors/],
      [(folder) => truncate(join(folder, 'model.safetensors'), 5), /model\.safetensors/],
      [(folder) => rm(join(folder, 'tokenizer.json')), /tokenizer/],
      [(folder) => truncate(join(folder, 'tokenizer.json'), 500), /tokenizer/],
      [(folder) => writeFile(join(folder, 'tokenizer.json'), '{"model":{"type":"nothing"}}'), /tokenizer/],
      [(folder) => writeFile(join(folder, 'modules.json'), '[]'), /StaticEmbedding/],
      [
        (folder) => writeFile(join(folder, 'modules.json'), '[{"type":"a.Transformer","path":""}]'),
        /Transformer/,
      ],
      [
        (folder) => writeFile(join(folder, 'modules.json'), '[{"type":"a.StaticEmbedding","path":"../x"}]'),
        /path/,
      ],
    ];
    for (const [damage, message] of damages) {
      const folder = await copyOf('tiny-static');
      await damage(folder);
      await expect(load(folder)).rejects.toMatchObject({
        code: 'ERR_MODEL_INVALID',
        message: expect.stringMatching(message),
      });
    }
  });

  it('refuses tables that do not fit', async () => {
    const folder = await copyOf('tiny-static');
    const file = join(folder, 'model.safetensors');
    const rows = 762;
    const tables: [Buffer, RegExp][] = [
      [safetensors({ other: { dtype: 'F32', shape: [rows, 2], data: new Float32Array(2 * rows) } }), /other/],
      [safetensors({ embeddings: { dtype: 'F32', shape: [rows], data: new Float32Array(rows) } }), /matrix/],
      [
        safetensors({ embeddings: { dtype: 'F32', shape: [9, 2], data: new Float32Array(18) } }),
        /762 tokens/,
      ],
      [safetensors({ embeddings: { dtype: 'BOOL', shape: [rows, 1], data: new Uint8Array(rows) } }), /BOOL/],
      [
        safetensors({
          embeddings: { dtype: 'F32', shape: [rows, 1], data: new Float32Array(rows).fill(Number.NaN) },
        }),
        /NaN/,
      ],
      [
        safetensors({
          embeddings: { dtype: 'F32', shape: [2, 1], data: new Float32Array(2) },
          mapping: { dtype: 'I32', shape: [rows], data: new Int32Array(rows).fill(2) },
        }),
        /mapping/,
      ],
      [
        safetensors({
          embeddings: { dtype: 'F32', shape: [2, 1], data: new Float32Array(2) },
          mapping: { dtype: 'F32', shape: [rows], data: new Float32Array(rows).fill(0.5) },
        }),
        /'mapping'.* but received 0\.5/,
      ],
      [
        safetensors({
          embeddings: { dtype: 'F32', shape: [rows, 1], data: new Float32Array(rows) },
          weights: { dtype: 'F32', shape: [3], data: new Float32Array(3) },
        }),
        /weights/,
      ],
    ];
    for (const [bytes, message] of tables) {
      await writeFile(file, bytes);
      await expect(load(folder)).rejects.toMatchObject({
        code: 'ERR_MODEL_INVALID',
        message: expect.stringMatching(message),
      });
    }
  });

  it('reads every dtype, mapping and weights', async () => {
    const folder = await copyOf('tiny-static');
    const file = join(folder, 'model.safetensors');
    const rows = 762;
    const values = Float32Array.from({ length: rows * 2 }, (_, i) => (i % 50) - 25);
    const expected = async () => {
      await using model = await load(folder);
      return Array.from((await model.encode('hello world')).data);
    };
    await writeFile(file, safetensors({ embeddings: { dtype: 'F32', shape: [rows, 2], data: values } }));
    const reference = await expected();
    expect(reference.some((value) => value !== 0)).toBe(true);
    for (const [dtype, data] of [
      ['F64', Float64Array.from(values)],
      ['I8', Int8Array.from(values)],
      ['BF16', Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16)],
    ] as const) {
      await writeFile(file, safetensors({ embeddings: { dtype, shape: [rows, 2], data } }));
      expect(await expected()).toEqual(reference);
    }
    const halves = Float32Array.from(values, (value) => value / 2);
    const reversed = new Float32Array(values.length);
    for (let row = 0; row < rows; row++)
      reversed.set(halves.subarray(row * 2, row * 2 + 2), (rows - 1 - row) * 2);
    await writeFile(
      file,
      safetensors({
        embeddings: { dtype: 'F32', shape: [rows, 2], data: reversed },
        mapping: {
          dtype: 'I64',
          shape: [rows],
          data: BigInt64Array.from({ length: rows }, (_, i) => BigInt(rows - 1 - i)),
        },
        weights: { dtype: 'F64', shape: [rows], data: new Float64Array(rows).fill(2) },
      }),
    );
    expect(await expected()).toEqual(reference);
  });

  it('maps a table, with the same vectors, and after the file is replaced or gone', async () => {
    const folder = await copyOf('tiny-static');
    const texts = ['hello world', 'a', '', '\u302e left to the library'];
    await using read = await load(folder);
    await using mapped = await load(folder, { mode: 'mmap' });
    const { data } = await read.encode(texts);
    expect((await mapped.encode(texts)).data).toEqual(data);
    await rm(join(folder, 'model.safetensors'));
    expect((await mapped.encode(texts, { truncateDim: 8 })).data).toEqual(
      (await read.encode(texts, { truncateDim: 8 })).data,
    );
  });

  it.skipIf(simd().backend !== 'native')('maps float32 only, and nothing that is not there', async () => {
    const folder = await copyOf('tiny-static');
    const file = join(folder, 'model.safetensors');
    const rows = 762;
    const plain = { dtype: 'F32', shape: [rows, 1], data: new Float32Array(rows) };
    const tables: [Buffer, string, RegExp][] = [
      [
        safetensors({ embeddings: { dtype: 'F64', shape: [rows, 1], data: new Float64Array(rows) } }),
        'ERR_INVALID_ARG',
        /'memory'.*this is F64/,
      ],
      [
        safetensors({
          embeddings: plain,
          weights: { dtype: 'F64', shape: [rows], data: new Float64Array(rows) },
        }),
        'ERR_INVALID_ARG',
        /'memory'.*mapping or weights/,
      ],
      [
        safetensors({ embeddings: { ...plain, shape: [9, 1], data: new Float32Array(9) } }),
        'ERR_MODEL_INVALID',
        /762 tokens/,
      ],
      [safetensors({ embeddings: plain }).subarray(0, -4), 'ERR_MODEL_INVALID', /model\.safetensors/],
    ];
    for (const [bytes, code, message] of tables) {
      await writeFile(file, bytes);
      await expect(load(folder, { mode: 'mmap' })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
    }
  });

  it('takes a tokenizer that only the library knows, with the same result', async () => {
    const folder = await copyOf('tiny-static');
    const file = join(folder, 'tokenizer.json');
    const json = JSON.parse(await readFile(file, 'utf8'));
    const texts = ['hello world', 'a', '', 'Привет, мир!'];
    await using native = await load(folder);
    // The same words, said in a way that the native tokenizer leaves to the library.
    json.normalizer = { type: 'Sequence', normalizers: [json.normalizer] };
    await writeFile(file, JSON.stringify(json));
    await using library = await load(folder);
    expect((await library.encode(texts)).data).toEqual((await native.encode(texts)).data);
    expect(await library.tokenize(texts)).toEqual(await native.tokenize(texts));
  });

  it('stops when it is aborted', async () => {
    const signal = AbortSignal.abort();
    await expect(load(fixture('models/tiny-static'), { signal })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });
});

describe('StaticEmbedder.encode', () => {
  let model: StaticEmbedder;
  beforeAll(async () => {
    model = await load(fixture('models/tiny-static'));
  });
  afterAll(() => model.close());

  it.each([
    ['a number', 5, {}, /texts/],
    ['a number among texts', ['a', 5], {}, /texts\[1\]/],
    ['an unknown prompt', 'a', { promptName: 'nothing' }, /query, document/],
    ['too many dimensions', 'a', { truncateDim: 33 }, /truncateDim/],
    ['an unknown option', 'a', { normalise: true }, /did you mean 'normalize'/],
  ])('refuses %s', async (_, texts, options, message) => {
    await expect(model.encode(texts as string, options as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(message),
    });
  });

  it('gives no rows for no texts', async () => {
    expect(await model.encode([])).toMatchObject({ rows: 0, dims: 32 });
  });

  it('puts prompts before texts', async () => {
    const prompted = await model.encode('world', { prompt: 'hello ' });
    expect(prompted.data).toEqual((await model.encode('hello world')).data);
  });

  it('treats lone surrogates as U+FFFD', async () => {
    const lone = await model.encode(['a\ud83d b', 'a\ufffd b', 'a b']);
    expect(lone.row(0)).toEqual(lone.row(1));
    expect(lone.row(0)).toEqual(lone.row(2));
  });

  it('reports progress, which ends with all texts', async () => {
    const seen: number[] = [];
    const texts = new Array<string>(5000).fill('hello world');
    await model.encode(texts, { onProgress: ({ completed }) => seen.push(completed) });
    expect(seen.at(-1)).toBe(5000);
    expect(seen.length).toBeGreaterThan(2);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  it('passes on what the progress function throws', async () => {
    const failing = model.encode(['a'], {
      onProgress: () => {
        throw new RangeError('mine');
      },
    });
    await expect(failing).rejects.toThrow(new RangeError('mine'));
  });

  it('quantises as TextEmbedder does', async () => {
    const texts = ['hello world', 'quick brown fox', 'a'];
    const floats = await model.encode(texts);
    const bits = await model.encode(texts, { precision: 'ubinary' });
    expect(bits).toMatchObject({ rows: 3, dims: 32, precision: 'ubinary' });
    expect(bits.data[0] >> 7).toBe(floats.data[0] > 0 ? 1 : 0);
    await expect(model.encode('a', { precision: 'int8' })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    expect(() => model.encodeStream(texts, { precision: 'int8' })).toThrow(/ranges/);
  });

  it('stops when it is aborted', async () => {
    const controller = new AbortController();
    const encoding = model.encode(new Array<string>(20_000).fill('hello'), {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(encoding).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  it('streams parts in order', async () => {
    const parts: number[] = [];
    for await (const part of model.encodeStream(['a', 'b', 'c'], { window: 2 })) parts.push(part.rows);
    expect(parts).toEqual([2, 1]);
  });

  it('rejects after close, and what is under way', async () => {
    const other = await load(fixture('models/tiny-static'));
    const underWay = other.encode(new Array<string>(50_000).fill('hello'));
    await other.close();
    await expect(underWay).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(other.encode('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(other.tokenize('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await other.close();
  });
});
