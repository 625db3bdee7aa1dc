import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TextEmbedder } from '#dist/index.js';
import { fixture } from '../text/goldens.js';
import { cli, jsonLines, startCli, temporaryFolder } from './support.js';

vi.setConfig({ testTimeout: 120_000 });

const MODEL = fixture('models/tiny-bert-dense');
const texts = Array.from(
  { length: 60 },
  (_, i) => `Sentence ${i} is the first. ${'Another one follows it. '.repeat(i % 7)}`,
);
// A text without tokens has no chunks.
texts[3] = ' ';

interface Row {
  index: number;
  start?: number;
  end?: number;
  text: string;
  embedding: number[];
}

let folder: string;
let input: string;
let model: TextEmbedder;
beforeAll(async () => {
  folder = await temporaryFolder();
  input = join(folder, 'long.jsonl');
  await writeFile(input, texts.map((text) => JSON.stringify({ text })).join('\n'));
  model = await TextEmbedder.load(MODEL);
});
afterAll(() => model?.close());

const args = (...more: string[]) => ['embed', input, '--model', MODEL, '--batch', '7', ...more];
const close = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(1e-5);
};

/** A row for each chunk, as the library has them. */
async function chunkRows(pool: 'none' | 'late'): Promise<Row[]> {
  const encoded = await model.encode(texts, { chunking: { maxTokens: 16, overlap: 5, pool } });
  return encoded.flatMap((own, index) =>
    own.chunks.map(({ start, end, text }, i) => ({ index, start, end, text, embedding: [...own.row(i)] })),
  );
}

function expectRows(actual: readonly Row[], expected: readonly Row[]): void {
  const labels = (rows: readonly Row[]) =>
    rows.map(({ index, start, end, text }) => ({ index: Number(index), start, end, text }));
  expect(labels(actual)).toEqual(labels(expected));
  for (const [i, { embedding }] of actual.entries()) close(embedding, expected[i].embedding);
}

const FLAGS = ['--chunk-tokens', '16', '--overlap', '5'];

describe('embed with chunks', () => {
  it('gives a row per text, the mean of its chunks', async () => {
    const expected = await model.encode(texts, { chunking: { maxTokens: 16, overlap: 5 } });
    const out = join(folder, 'mean.npy');
    expect((await cli(args(...FLAGS, '--out', out))).status).toBe(0);
    const bytes = (await readFile(out)).subarray(128);
    close(
      new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
      expected.data,
    );
  });

  it.each(['none', 'late'] as const)('gives a row per chunk with its place (%s)', async (pool) => {
    const expected = await chunkRows(pool);
    expect(expected.length).toBeGreaterThan(texts.length);
    const { status, stdout } = await cli(args(...FLAGS, '--pool', pool));
    expect(status).toBe(0);
    expectRows(jsonLines<Row>(stdout), expected);
    const out = join(folder, `${pool}.parquet`);
    expect((await cli(args(...FLAGS, '--pool', pool, '--out', out))).status).toBe(0);
    expectRows((await parquetReadObjects({ file: await asyncBufferFromFile(out) })) as never, expected);
  });

  it('goes on after a kill with the texts that are left, not the rows', async () => {
    const many = join(folder, 'many.jsonl');
    const lines = Array.from({ length: 600 }, (_, i) => JSON.stringify({ text: texts[i % texts.length] }));
    await writeFile(many, lines.join('\n'));
    const [whole, out] = [join(folder, 'whole.jsonl'), join(folder, 'killed.jsonl')];
    const job = [
      'embed',
      many,
      '--model',
      MODEL,
      ...FLAGS,
      '--pool',
      'none',
      '--batch',
      '10',
      '--checkpoint',
      '0',
    ];
    expect((await cli([...job, '--out', whole])).status).toBe(0);
    const child = startCli([...job, '--out', out]);
    const closed = new Promise((resolve) => child.on('close', resolve));
    await vi.waitFor(() => readFile(`${out}.partial.json`), { timeout: 60_000, interval: 5 });
    child.kill('SIGKILL');
    await closed;
    const changed = await cli([...job, '--out', out, '--overlap', '0']);
    expect([changed.status, changed.stderr]).toEqual([2, expect.stringMatching(/same overlap/)]);
    const { status, stderr } = await cli([...job, '--out', out, '--resume']);
    expect([status, stderr]).toEqual([0, expect.stringMatching(/^Going on after [\d,]+ texts/)]);
    expect(await readFile(out, 'utf8')).toBe(await readFile(whole, 'utf8'));
  });

  it.each([
    [['--pool', 'late', '--out', 'x.npy'], /jsonl or parquet/],
    [['--pool', 'none', '--format', 'f32'], /jsonl or parquet/],
    [['--pool', 'max'], /mean, none, late/],
    [['--chunk-tokens', '0'], /integer between 1/],
    [['--chunk-tokens', '1000000'], /chunking\.maxTokens/],
    [['--overlap', '1000'], /chunking\.overlap/],
  ])('%j is refused', async (more, message) => {
    const { status, stderr } = await cli(['embed', 'text', '--model', MODEL, ...more]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
