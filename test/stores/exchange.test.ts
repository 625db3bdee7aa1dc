import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CollectionOptions,
  exportRecords,
  importRecords,
  LocalStore,
  type StoreRecord,
} from 'embedlane/stores';
import { parquetWriteBuffer, parquetWriteFile } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, jsonLines } from '../cli/support.js';
import { code } from '../index/support.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-exchange-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Numbers that floats of 16 bits keep. */
const values = (seed: number, dims: number) =>
  Float32Array.from({ length: dims }, (_, i) => ((seed * 31 + i * 17) % 64) / 32 - 1 + 1 / 64);

const records = (count: number, dims: number): StoreRecord[] =>
  Array.from(
    { length: count },
    (_, i): StoreRecord => ({
      // A byte order mark is text where it does not begin a file.
      id: `\ufeffé-${i}\n"'`,
      vector: values(i, dims),
      document: i % 3 === 0 ? undefined : `\ufeffDocument ${i}\u2028`,
      metadata:
        i % 4 === 0 ? {} : { n: i, half: i / 2, tags: ['a', 'b'], flag: i % 2 === 0, 'a name': '{"x":1}' },
    }),
  );

async function open(name: string, options: CollectionOptions | undefined): Promise<LocalStore> {
  const store = await LocalStore.open(join(folder, name));
  if (options) await store.create(options);
  return store;
}

async function everything(store: LocalStore): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const record of store) found.push(record);
  return found;
}

describe('export and import', () => {
  it.each<[string, CollectionOptions['dtype'], number]>([
    ['jsonl', 'f32', 5],
    ['jsonl', 'b1', 20],
    ['parquet', 'f32', 5],
    ['parquet', 'f16', 5],
    ['parquet', 'b1', 24],
    ['npy', 'f32', 5],
    ['npy', 'f16', 3],
  ])('brings back from .%s what was stored as %s', async (format, dtype, dims) => {
    const name = `${format}-${dtype}`;
    const source = await open(`${name}-source`, { dims, dtype, metric: dtype === 'b1' ? 'hamming' : 'l2' });
    await source.upsert(records(57, dims));
    const file = join(folder, `${name}.${format}`);
    const seen: number[] = [];
    const onProgress = ({ completed }: { completed: number }) => seen.push(completed);
    expect(await exportRecords(source, file, { onProgress })).toBe(57);
    expect(seen.at(-1)).toBe(57);
    const target = await open(`${name}-target`, undefined);
    const collection = { dims, dtype, metric: dtype === 'b1' ? 'hamming' : 'l2' } as const;
    expect(await importRecords(file, target, { collection, batchSize: 10 })).toBe(57);
    expect(await target.info()).toEqual(await source.info());
    expect(await everything(target)).toEqual(await everything(source));
    await source.close();
    await target.close();
  });

  it('writes what a filter says, and reads what an option skips', async () => {
    await using source = await open('some-source', { dims: 2 });
    await source.upsert(records(20, 2));
    const file = join(folder, 'some.jsonl');
    expect(await exportRecords(source, file, { filter: { field: 'n', lt: 6 } })).toBe(4);
    await using target = await open('some-target', undefined);
    expect(await importRecords(file, target, { skip: 1 })).toBe(3);
    expect(await target.count()).toBe(3);
  });

  it('takes fields of other names, and the output of `embedlane embed`', async () => {
    const file = join(folder, 'others.jsonl');
    const lines = [
      { key: 7, about: { vec: [1, 2] }, body: 'a', year: 2020, left: null },
      { key: 'b', about: { vec: [3, 4] }, body: 'b', year: 2021 },
    ];
    await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n\n`).join(''));
    await using store = await open('others', undefined);
    const fields = { id: 'key', vector: 'about.vec', document: 'body', metadata: ['year', 'left'] };
    expect(await importRecords(file, store, { fields, collection: { metric: 'l2' } })).toBe(2);
    expect(await store.get(['7', 'b'], { include: ['vector', 'document', 'metadata'] })).toEqual([
      { id: '7', vector: Float32Array.of(1, 2), document: 'a', metadata: { year: 2020 } },
      { id: 'b', vector: Float32Array.of(3, 4), document: 'b', metadata: { year: 2021 } },
    ]);
  });

  it('takes integers of 64 bits, alone and in lists', async () => {
    const filename = join(folder, 'integers.parquet');
    const list = (name: string, type: 'INT64' | 'FLOAT') =>
      [
        { name, converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type, repetition_type: 'REQUIRED' },
      ] as const;
    parquetWriteFile({
      filename,
      schema: [
        { name: 'root', num_children: 4 },
        { name: 'id', type: 'INT64', repetition_type: 'REQUIRED' },
        { name: 'year', type: 'INT64', repetition_type: 'REQUIRED' },
        ...list('pages', 'INT64'),
        ...list('vector', 'FLOAT'),
      ],
      columnData: [
        { name: 'id', data: [7n] },
        { name: 'year', data: [2020n] },
        { name: 'pages', data: [[1n, 2n]] },
        { name: 'vector', data: [[1, 2]] },
      ],
    });
    await using store = await open('integers', undefined);
    await importRecords(filename, store, { fields: { metadata: ['year', 'pages'] } });
    expect(await store.get(['7'])).toEqual([{ id: '7', metadata: { year: 2020, pages: [1, 2] } }]);
  });

  it('is there on the command line', async () => {
    const [embedded, store, back] = [
      join(folder, 'e.parquet'),
      join(folder, 'cli'),
      join(folder, 'back.jsonl'),
    ];
    await cli(['embed', '--input', '-', '--out', embedded], { input: 'a cat\na dog\n' });
    const fields = ['--id', 'index', '--vector', 'embedding', '--document', 'text'];
    const imported = await cli(['import', embedded, store, ...fields, '--json']);
    expect(imported).toMatchObject({ status: 0, stderr: '' });
    expect(jsonLines(imported.stdout)[0]).toMatchObject({ from: embedded, to: store, records: 2 });
    const exported = await cli(['export', store, back]);
    expect(exported.stdout).toMatch(/^2 records from .* to .*back\.jsonl in /);
    const [first] = jsonLines<{ vector: number[] }>(await readFile(back, 'utf8'));
    expect(first).toMatchObject({ id: '0', document: 'a cat', metadata: {} });
    expect(first.vector).toHaveLength(384);
  });

  it('names the line or record that is wrong, and says how many are stored', async () => {
    const file = join(folder, 'bad.jsonl');
    const good = Array.from({ length: 4 }, (_, i) => JSON.stringify({ id: `r${i}`, vector: [1, i] }));
    await using store = await open('bad', { dims: 2 });
    const fails = async (line: string, message: RegExp, errorCode: string) => {
      await writeFile(file, [...good, line].join('\n'));
      const failure = importRecords(file, store, { batchSize: 2 });
      await expect(failure).rejects.toMatchObject({
        code: errorCode,
        message: expect.stringMatching(message),
      });
    };
    await fails('{"id": 1, ', /bad\.jsonl:5/, 'ERR_INVALID_ARG');
    await fails('{"vector": [1, 2]}', /field 'id' at .*bad\.jsonl:5/, 'ERR_INVALID_ARG');
    await fails('{"id": "a"}', /field 'vector' at .*bad\.jsonl:5/, 'ERR_INVALID_ARG');
    for (const index of ['-1', '1.5', '"1"', 'null']) {
      const line = `{"id": "a", "vector": {"indices": [0, ${index}], "values": [1, 2]}}`;
      await fails(line, /indices\[1\] of field 'vector' at .*bad\.jsonl:5/, 'ERR_INVALID_ARG');
    }
    await fails('{"id": "a", "vector": [1, 2, 3]}', /id "a"/, 'ERR_DIMENSION');
    await fails('{"id": "a", "vector": [1, 1e39]}', /id "a"/, 'ERR_INVALID_ARG');
    await fails('{"id": "a", "vector": [1, 2], "metadata": {"a": {}}}', /id \\?"a/, 'ERR_INVALID_ARG');
    await fails('{"id": "a", "vector": [1, 2], "document": 5}', /id "a"/, 'ERR_INVALID_ARG');
  });

  it('refuses what makes no sense before anything is written', async () => {
    await using store = await open('refusals', { dims: 2 });
    await using bits = await open('refusals-bits', { dims: 8, dtype: 'b1' });
    const out = join(folder, 'never.npy');
    await expect(exportRecords(bits, out)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(exportRecords(store, join(folder, 'never.csv'))).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(exportRecords({} as never, out)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(exportRecords(store, join(folder, 'no', 'folder.jsonl'))).rejects.toThrow(code('ERR_IO'));
    await expect(importRecords(join(folder, 'none.jsonl'), store)).rejects.toThrow(code('ERR_IO'));
    await expect(importRecords(join(folder, 'none.parquet'), store)).rejects.toThrow(code('ERR_IO'));
    for (const options of [
      { skip: -1 },
      { fields: { name: 'a' } },
      { fields: { metadata: 5 } },
      { batch: 1 },
    ]) {
      await expect(importRecords('a.jsonl', store, options as never)).rejects.toThrow(
        code('ERR_INVALID_ARG'),
      );
    }
  });

  it('leaves nothing behind where one of two files cannot be made', async () => {
    await using store = await open('half', { dims: 2 });
    await mkdir(join(folder, `half.npy.tmp-${process.pid}`));
    await expect(exportRecords(store, join(folder, 'half.npy'))).rejects.toThrow(code('ERR_IO'));
    const left = await readdir(folder);
    expect(left.filter((name) => name.startsWith('half.'))).toEqual([`half.npy.tmp-${process.pid}`]);
  });

  it('refuses rows and lines that do not belong together', async () => {
    await using source = await open('pair', { dims: 2 });
    await source.upsert(records(3, 2));
    const file = join(folder, 'pair.npy');
    await exportRecords(source, file);
    const lines = (await readFile(join(folder, 'pair.jsonl'), 'utf8')).trim().split('\n');
    await using target = await open('pair-target', undefined);
    for (const wrong of [lines.slice(1), [...lines, lines[0]]]) {
      await writeFile(join(folder, 'pair.jsonl'), `${wrong.join('\n')}\n`);
      await expect(importRecords(file, target)).rejects.toThrow(code('ERR_DIMENSION'));
    }
    await rm(join(folder, 'pair.jsonl'));
    await target.drop();
    expect(await importRecords(file, target)).toBe(3);
    expect((await target.get(['0', '2'])).map((record) => record?.id)).toEqual(['0', '2']);
  });

  it('finds the fields of lines beside a .npy file by their names', async () => {
    await using source = await open('named', { dims: 2 });
    await source.upsert(records(2, 2));
    const file = join(folder, 'named.npy');
    await exportRecords(source, file);
    const lines = ['{"sku":7,"body":"one","year":2024}', '{"sku":8,"body":"two","year":2025}'];
    await writeFile(join(folder, 'named.jsonl'), `${lines.join('\n')}\n`);
    await using target = await open('named-target', undefined);
    const fields = { id: 'sku', document: 'body', metadata: ['year'] };
    expect(await importRecords(file, target, { fields })).toBe(2);
    expect(await target.get(['8'])).toMatchObject([{ id: '8', document: 'two', metadata: { year: 2025 } }]);
  });

  it.each([{ document: 'txet' }, { metadata: ['year', 'yaer'] }, { metadata: 'mtea.data' }])(
    'refuses a column that Parquet does not have: %j',
    async (fields) => {
      const file = join(folder, 'columns.parquet');
      const columnData = [
        { name: 'id', data: ['a'], type: 'STRING' as const },
        { name: 'vector', data: [[1, 2]], type: 'JSON' as const },
        { name: 'year', data: [2024], type: 'INT32' as const },
      ];
      await writeFile(file, Buffer.from(parquetWriteBuffer({ columnData })));
      await using target = await open('columns-target', undefined);
      await expect(importRecords(file, target, { fields })).rejects.toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARG',
          message: expect.stringMatching(/id, vector, year/),
        }),
      );
      expect(await target.info()).toBeUndefined();
    },
  );
});
