import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JobQueue, JobWorker } from 'embedlane/jobs';
import { LocalStore } from 'embedlane/stores';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { cli, jsonLines } from '../cli/support.js';
import { redisServer } from '../stores/servers/redis.mjs';
import { hasRedis, JobSite, MODEL } from './support.js';

describe.skipIf(!hasRedis)('jobs', () => {
  const site = new JobSite();

  it('stores lines, JSON lines and Parquet rows under ids that they always have', async () => {
    await site.lines('a.txt', ['one', '', 'three', '  ', 'five']);
    const rows = [
      { sku: 7, text: 'seven', year: 2020 },
      { sku: 'x/8', text: 'eight' },
    ];
    await site.lines(
      'b.jsonl',
      rows.map((row) => JSON.stringify(row)),
    );
    const store = join(site.folder, 'kinds');
    const fields = { id: 'sku', metadata: ['year'] };
    const { id } = await site.jobs.submit({ inputs: ['a.txt'], root: site.folder, store, shardRows: 2 });
    await site.jobs.submit({ inputs: ['b.jsonl'], root: site.folder, store, fields });
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({
      state: 'done',
      items: 3,
      stored: 3,
      poisoned: 0,
      timeLeft: 0,
    });
    await using stored = await LocalStore.open(store, { readOnly: true });
    const ids: string[] = [];
    for await (const record of stored) ids.push(record.id);
    expect(ids).toEqual(['7', 'a.txt#1', 'a.txt#3', 'a.txt#5', 'x/8']);
    expect(await stored.get(['a.txt#3', '7'])).toMatchObject([
      { document: 'three', metadata: { file: 'a.txt', line: 3, model: 'all-MiniLM-L6-v2', dtype: 'auto' } },
      { document: 'seven', metadata: { year: 2020, file: 'b.jsonl', line: 1 } },
    ]);
  });

  it('reads Parquet, in shards that are parts of its row groups', async () => {
    const texts = Array.from({ length: 50 }, (_, i) => (i === 31 ? null : `text ${i}`));
    const columnData = [
      { name: 'sku', data: texts.map((_, i) => BigInt(i)), type: 'INT64' as const },
      { name: 'body', data: texts, type: 'STRING' as const, nullable: true },
      { name: 'stars', data: texts.map((_, i) => i / 2), type: 'DOUBLE' as const },
    ];
    const path = join(site.folder, 'rows.parquet');
    parquetWriteFile({ filename: path, columnData, rowGroupSize: 20 });
    const store = join(site.folder, 'parquet');
    const fields = { text: 'body', id: 'sku', metadata: ['stars'] };
    const request = { inputs: ['rows.parquet'], root: site.folder, store, fields };
    const { id, shards } = await site.jobs.submit({ ...request, shardRows: 15 });
    // Of 20, 20 and 10 rows.
    expect(shards.total).toBe(5);
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', items: 50, stored: 49, poisoned: 1 });
    expect((await site.jobs.status(id)).poison).toMatchObject([
      { place: 'rows.parquet#32', code: 'ERR_INVALID_ARG' },
    ]);
    await using stored = await LocalStore.open(store, { readOnly: true });
    expect(await stored.get(['0', '19', '20', '31', '49'])).toMatchObject([
      { document: 'text 0', metadata: { stars: 0, file: 'rows.parquet', line: 1 } },
      { document: 'text 19', metadata: { stars: 9.5, line: 20 } },
      { document: 'text 20', metadata: { stars: 10, line: 21 } },
      undefined,
      { document: 'text 49', metadata: { stars: 24.5, line: 50 } },
    ]);
    // Another file of the same name is another job, which has no right to the first one's ids.
    await site.jobs.submit({ ...request, id: 'changed', attempts: 1 });
    parquetWriteFile({
      filename: path,
      columnData: columnData.map((column) => ({ ...column, data: column.data.slice(1) })),
    });
    await site.workOff();
    expect((await site.jobs.status('changed')).failures[0].message).toMatch(/ERR_CONFLICT/);
    await site.jobs.submit({ ...request, fields: { text: 'nothing' }, id: 'wrong', attempts: 1 });
    await site.workOff();
    expect((await site.jobs.status('wrong')).failures[0].message).toMatch(
      /columns sku, body, stars .*'nothing'/,
    );
    await expect(
      writeFile(path, 'no Parquet').then(() => site.jobs.submit({ ...request, id: 'damaged' })),
    ).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  });

  it('takes lists of 64-bit integers, as Python writes them, for metadata', async () => {
    parquetWriteFile({
      filename: join(site.folder, 'lists.parquet'),
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
        { name: 'years', converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'INT64', repetition_type: 'REQUIRED' },
      ],
      columnData: [
        { name: 'text', data: ['\ufeffa'] },
        { name: 'years', data: [[2020n, 2021n]] },
      ],
    });
    const store = join(site.folder, 'lists');
    const fields = { metadata: ['years'] };
    const { id } = await site.jobs.submit({ inputs: ['lists.parquet'], root: site.folder, store, fields });
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 1, poisoned: 0 });
    await using stored = await LocalStore.open(store, { readOnly: true });
    expect(await stored.get(['lists.parquet#1'])).toMatchObject([
      { document: '\ufeffa', metadata: { years: [2020, 2021] } },
    ]);
  });

  it('carries rows through the queue for workers without the files', async () => {
    const store = join(site.folder, 'carried');
    const records = [{ text: 'a' }, { id: 'own', text: 'b', metadata: { n: 1 } }, { text: 'c' }];
    const { id, shards } = await site.jobs.submit({ id: 'rows', records, store, shardRows: 2 });
    expect(shards.total).toBe(2);
    await site.workOff([], { root: '/nowhere' });
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 3 });
    await using stored = await LocalStore.open(store, { readOnly: true });
    expect((await stored.get(['rows#1', 'own', 'rows#3'])).map((record) => record?.document)).toEqual([
      'a',
      'b',
      'c',
    ]);
    await expect(site.jobs.submit({ id: 'rows', records, store })).rejects.toMatchObject({
      code: 'ERR_CONFLICT',
    });
  });

  it('refuses a file that was changed after it was submitted', async () => {
    const input = await site.lines('changing.txt', ['a', 'b']);
    const store = join(site.folder, 'changing');
    const request = { inputs: [input], root: site.folder, store, id: 'changing', attempts: 1 };
    await site.jobs.submit(request);
    await site.lines('changing.txt', ['a', 'c']);
    await site.workOff();
    const failed = await site.jobs.status('changing');
    expect(failed.failures[0].message).toMatch(/Expected changing.txt as it was .*\[ERR_CONFLICT\]/);
    await expect(site.jobs.submit(request)).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
    await site.jobs.cancel('changing', { remove: true });
    await expect(site.jobs.status('changing')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await site.jobs.submit(request);
    await site.workOff();
    expect(await site.jobs.status('changing')).toMatchObject({ state: 'done', stored: 2 });
  });

  it('is there on the command line', async () => {
    await site.lines('cli.txt', ['the cat sleeps', 'a dog barks']);
    const queue = ['--queue', `${site.url}/0?prefix=cli`];
    const store = join(site.folder, 'cli-store');
    const args = [
      'job',
      'submit',
      'cli.txt',
      '--root',
      site.folder,
      '--store',
      'env:JOB_STORE',
      '--model',
      MODEL,
    ];
    const submitted = await cli([...args, ...queue, '--id', 'cli-job']);
    expect(submitted).toEqual({ status: 0, stdout: 'cli-job: 2 rows in 1 shards\n', stderr: '' });
    const env = { JOB_STORE: store };
    const worked = await cli(['job', 'work', ...queue, '--exit-when-done'], { env });
    expect(worked).toEqual({ status: 0, stdout: 'cli-job: shard 0, 2 records stored\n', stderr: '' });
    const shown = await cli(['job', 'status', ...queue]);
    expect(shown.stdout).toMatch(
      /^cli-job {2}done {2}.* → env:JOB_STORE\n {2}2 of 2 rows stored \(100\.0 %\), 1 of 1 shards\n$/,
    );
    const piped = await cli(['job', 'submit', '--store', store, '--id', 'piped', ...queue], {
      input: 'one\n\ntwo\n',
    });
    expect(piped.stdout).toBe('piped: 2 rows in 1 shards\n');
    expect((await cli(['job', 'cancel', 'piped', '--remove', ...queue])).stdout).toBe(
      'piped is cancelled and forgotten\n',
    );
    const all = await cli(['job', 'status', '--json', ...queue]);
    expect(jsonLines(all.stdout)).toMatchObject([{ id: 'cli-job', state: 'done', stored: 2 }]);
    expect((await cli(['job', 'status', 'none', ...queue])).stderr).toMatch(/ERR_NOT_FOUND/);
  });

  it('names rows that travel in the queue as it names those that do not', async () => {
    const rows = ['{"sku":7,"body":"a cat","year":2024}', '', '{"sku":"x","body":"a dog"}'];
    await site.lines('carried.jsonl', rows);
    await site.lines('carried.txt', ['one', '', 'two']);
    const queue = ['--queue', `${site.url}/0?prefix=carry`];
    const store = join(site.folder, 'carry-store');
    const job = ['job', 'submit', '--store', store, '--model', MODEL, ...queue];
    const fields = ['--field', 'body', '--id-field', 'sku', '--metadata', 'year'];
    const root = ['--root', site.folder];
    const stdin = await cli([...job, ...fields], { input: '{"sku":9,"body":"a cow"}\n' });
    const files = await cli([...job, ...root, ...fields, '--carry', 'carried.jsonl']);
    const texts = await cli([...job, ...root, '--carry', 'carried.txt']);
    expect([stdin.status, files.status, texts.status]).toEqual([0, 0, 0]);
    expect((await cli(['job', 'work', ...queue, '--exit-when-done'])).status).toBe(0);
    await using stored = await LocalStore.open(store, { readOnly: true });
    const ids = ['7', 'x', '9', 'carried.txt#1', 'carried.txt#3'];
    expect(await stored.count()).toBe(ids.length);
    expect(await stored.get(ids)).toMatchObject([
      { document: 'a cat', metadata: { file: 'carried.jsonl', line: 1, year: 2024 } },
      { document: 'a dog', metadata: { file: 'carried.jsonl', line: 3 } },
      { document: 'a cow' },
      { document: 'one', metadata: { file: 'carried.txt', line: 1 } },
      { document: 'two', metadata: { file: 'carried.txt', line: 3 } },
    ]);
  });

  it.each<[string, object]>([
    ['fields of what has none', { inputs: ['a.txt'], store: 's', fields: { id: 'sku' } }],
    ['neither inputs nor records', { store: 's' }],
    ['both', { inputs: ['a.txt'], records: [], store: 's' }],
    ['no store', { inputs: ['a.txt'] }],
    ['a file outside the root', { inputs: ['../../etc/passwd'], store: 's' }],
    ['no files', { inputs: [], store: 's' }],
    ['a folder', { inputs: ['.'], store: 's' }],
    ['an id with a colon', { inputs: ['a.txt'], store: 's', id: 'a:b' }],
    ['an unknown option', { inputs: ['a.txt'], store: 's', shards: 3 }],
    ['an empty shard', { inputs: ['a.txt'], store: 's', shardRows: 0 }],
    ['another dtype', { inputs: ['a.txt'], store: 's', dtype: 'fp64' }],
    ['records that cannot be listed', { records: 5, store: 's' }],
    ['a record that is none', { records: [{ text: 'a' }, null], store: 's' }],
    ['a record without a text', { records: [{ id: 'a' }], store: 's' }],
    ['a record with metadata of another type', { records: [{ text: 'a', metadata: 'b' }], store: 's' }],
    ['a record with an unknown field', { records: [{ text: 'a', vector: [1] }], store: 's' }],
  ])('refuses %s', async (_, request) => {
    await expect(site.jobs.submit({ root: site.folder, ...request } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  });

  it('refuses UTF-16, whose lines would be stored as noise', async () => {
    await writeFile(join(site.folder, 'utf16.txt'), Buffer.from('\ufeffone\ntwo\n', 'utf16le'));
    const request = { inputs: ['utf16.txt'], root: site.folder, store: join(site.folder, 's') };
    await expect(site.jobs.submit(request)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringContaining('UTF-16'),
    });
  });

  it('leaves nothing of rows that were refused on the way', async () => {
    const records = [{ text: 'a' }, { text: 'b' }, { text: 3 } as never];
    const refused = site.jobs.submit({ id: 'refused', records, store: join(site.folder, 's'), shardRows: 1 });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
      message: expect.stringMatching(/^Expected a string for request\.records\[2\]\.text/),
    });
    expect(await site.jobs.list()).not.toContain('refused');
  });

  it('refuses options that make no sense', async () => {
    const refused = { code: 'ERR_INVALID_ARG' };
    await expect(site.jobs.cancel('a', { removed: true } as never)).rejects.toMatchObject(refused);
    await expect(site.jobs.cancel('a', { remove: 'yes' } as never)).rejects.toMatchObject(refused);
    await using worker = await JobWorker.start(site.url);
    await expect(worker.drained({ poll: 0 })).rejects.toMatchObject(refused);
    await expect(worker.close({ grace: -1 })).rejects.toMatchObject(refused);
    await expect(worker.close({ grace: Number.NaN })).rejects.toMatchObject(refused);
  });

  it('says that there is no such file', async () => {
    const request = { root: site.folder, inputs: ['nowhere.txt'], store: 's' };
    await expect(site.jobs.submit(request)).rejects.toMatchObject({ code: 'ERR_IO' });
  });

  it('says that the server is down, or refuses the password', async () => {
    await expect(JobQueue.open('redis://me:hidden@127.0.0.1:1')).rejects.toMatchObject({
      code: 'ERR_REMOTE',
      message: expect.not.stringContaining('hidden'),
    });
    for (const wrong of ['http://localhost', 'redis://', 'redis://h?prefx=a', 'redis://h?prefix=a:b', '']) {
      await expect(JobQueue.open(wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
      await expect(JobWorker.start(wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    }
    const locked = redisServer('--requirepass', 'secret');
    await locked.start();
    try {
      await expect(JobWorker.start(`redis://:wrong@127.0.0.1:${locked.port}`)).rejects.toMatchObject({
        code: 'ERR_REMOTE',
        message: expect.stringMatching(/WRONGPASS/),
      });
      await expect(JobQueue.open(`redis://127.0.0.1:${locked.port}`)).rejects.toMatchObject({
        code: 'ERR_REMOTE',
        message: expect.stringMatching(/NOAUTH/),
      });
      await using open = await JobQueue.open(`redis://:secret@127.0.0.1:${locked.port}`);
      expect(await open.list()).toEqual([]);
    } finally {
      await locked.stop();
    }
  });
});
