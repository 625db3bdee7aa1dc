import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { JobQueue, type JobStatus, JobWorker, type WorkerEvent } from 'embedlane/jobs';
import { LocalStore } from 'embedlane/stores';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, jsonLines, startCli, temporaryFolder } from '../cli/support.js';
import { outcome } from '../outcome.js';
import { hasRedis, redisServer } from '../stores/servers/redis.mjs';

const MODEL = fileURLToPath(new URL('../fixtures/models/tiny-static', import.meta.url));
const DIMS = 4;

if (!hasRedis) console.warn('SKIPPED: tests of jobs need redis-server (apt-get install redis-server)');

/** A model whose vectors are made from the text's length, and which chokes on some texts. */
const fake = {
  dimensions: DIMS,
  async encodeDocument(texts: string[]) {
    if (texts.some((text) => text.includes('crash the model'))) throw new Error('the model has crashed');
    const data = Float32Array.from(texts.flatMap((text) => [1, text.length, 2, 3]));
    return { data, rows: texts.length, dims: DIMS };
  },
};

describe.skipIf(!hasRedis)('jobs', () => {
  const redis = redisServer();
  let folder: string;
  let url: string;
  let jobs: JobQueue;

  beforeAll(async () => {
    folder = await temporaryFolder();
    await redis.start();
    url = `redis://127.0.0.1:${redis.port}`;
    jobs = await JobQueue.open(url);
  });
  afterAll(async () => {
    await jobs.close();
    await redis.stop();
  });

  async function lines(name: string, texts: readonly string[]): Promise<string> {
    await writeFile(join(folder, name), `${texts.join('\n')}\n`);
    return name;
  }

  /** Does everything in the queue with the fake model. */
  async function workOff(events: WorkerEvent[] = [], options = {}): Promise<void> {
    await using worker = await JobWorker.start(url, {
      loadModel: async () => fake as never,
      onEvent: (event) => events.push(event),
      takeover: 1000,
      ...options,
    });
    await worker.drained({ poll: 20 });
  }

  it('stores lines, JSON lines and Parquet rows under ids that they always have', async () => {
    await lines('a.txt', ['one', '', 'three', '  ', 'five']);
    const rows = [
      { sku: 7, text: 'seven', year: 2020 },
      { sku: 'x/8', text: 'eight' },
    ];
    await lines(
      'b.jsonl',
      rows.map((row) => JSON.stringify(row)),
    );
    const store = join(folder, 'kinds');
    const fields = { id: 'sku', metadata: ['year'] };
    const { id } = await jobs.submit({ inputs: ['a.txt'], root: folder, store, shardRows: 2 });
    await jobs.submit({ inputs: ['b.jsonl'], root: folder, store, fields });
    await workOff();
    expect(await jobs.status(id)).toMatchObject({
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
    const path = join(folder, 'rows.parquet');
    parquetWriteFile({ filename: path, columnData, rowGroupSize: 20 });
    const store = join(folder, 'parquet');
    const fields = { text: 'body', id: 'sku', metadata: ['stars'] };
    const request = { inputs: ['rows.parquet'], root: folder, store, fields };
    const { id, shards } = await jobs.submit({ ...request, shardRows: 15 });
    // Of 20, 20 and 10 rows.
    expect(shards.total).toBe(5);
    await workOff();
    expect(await jobs.status(id)).toMatchObject({ state: 'done', items: 50, stored: 49, poisoned: 1 });
    expect((await jobs.status(id)).poison).toMatchObject([
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
    await jobs.submit({ ...request, id: 'changed', attempts: 1 });
    parquetWriteFile({
      filename: path,
      columnData: columnData.map((column) => ({ ...column, data: column.data.slice(1) })),
    });
    await workOff();
    expect((await jobs.status('changed')).failures[0].message).toMatch(/ERR_CONFLICT/);
    await jobs.submit({ ...request, fields: { text: 'nothing' }, id: 'wrong', attempts: 1 });
    await workOff();
    expect((await jobs.status('wrong')).failures[0].message).toMatch(/columns sku, body, stars .*'nothing'/);
    await expect(
      writeFile(path, 'no Parquet').then(() => jobs.submit({ ...request, id: 'damaged' })),
    ).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  });

  it('carries rows through the queue for workers without the files', async () => {
    const store = join(folder, 'carried');
    const records = [{ text: 'a' }, { id: 'own', text: 'b', metadata: { n: 1 } }, { text: 'c' }];
    const { id, shards } = await jobs.submit({ id: 'rows', records, store, shardRows: 2 });
    expect(shards.total).toBe(2);
    await workOff([], { root: '/nowhere' });
    expect(await jobs.status(id)).toMatchObject({ state: 'done', stored: 3 });
    await using stored = await LocalStore.open(store, { readOnly: true });
    expect((await stored.get(['rows#1', 'own', 'rows#3'])).map((record) => record?.document)).toEqual([
      'a',
      'b',
      'c',
    ]);
    await expect(jobs.submit({ id: 'rows', records, store })).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
  });

  it('sets items aside that cannot be stored, and says why', async () => {
    const bad = [
      JSON.stringify({ key: 'x'.repeat(600), text: 'an id that is too long' }),
      '{"key": 1, "text"',
      JSON.stringify({ key: { a: 1 }, text: 'an id that is an object' }),
      JSON.stringify({ key: "'; DROP TABLE records; --", text: 'a hostile id is an id' }),
      JSON.stringify({ key: 'no-text' }),
      JSON.stringify({ key: 'nul\0', text: 'a zero' }),
      JSON.stringify({ key: 'crash', text: 'crash the model' }),
    ];
    const good = Array.from({ length: 40 }, (_, i) =>
      JSON.stringify({ key: `good-${i}`, text: `text ${i}` }),
    );
    const input = await lines('poison.jsonl', [...good.slice(0, 20), ...bad, ...good.slice(20)]);
    const store = join(folder, 'poison');
    const request = { inputs: [input], root: folder, store, fields: { id: 'key' }, retryDelay: 1 };
    const { id } = await jobs.submit(request);
    const events: WorkerEvent[] = [];
    await workOff(events);
    const done = await jobs.status(id);
    expect(done).toMatchObject({ state: 'done', items: 47, stored: 41, poisoned: 6, failures: [] });
    expect(done.poison.map(({ place, code }) => [place, code])).toEqual([
      ['poison.jsonl#21', 'ERR_INVALID_ARG'],
      ['poison.jsonl#22', 'ERR_INVALID_ARG'],
      ['poison.jsonl#23', 'ERR_INVALID_ARG'],
      ['poison.jsonl#25', 'ERR_INVALID_ARG'],
      ['poison.jsonl#26', 'ERR_INVALID_ARG'],
      ['poison.jsonl#27', 'ERR_UNEXPECTED'],
    ]);
    expect(done.poison[5]).toMatchObject({ id: 'crash', message: 'the model has crashed' });
    // A crash may be anybody's: it takes a second attempt to hold it against the row.
    expect(events.map(({ type }) => type)).toEqual(['retry', 'stored']);
    await using stored = await LocalStore.open(store, { readOnly: true });
    expect(await stored.count()).toBe(41);
    expect(await stored.get(["'; DROP TABLE records; --"])).toMatchObject([
      { document: 'a hostile id is an id' },
    ]);
  });

  it('gives a shard up after so many attempts, keeps the reason, and tries again when asked', async () => {
    const input = await lines('failing.txt', ['a', 'b', 'c']);
    const store = join(folder, 'failing');
    const { id } = await jobs.submit({ inputs: [input], root: folder, store, attempts: 2, retryDelay: 1 });
    const broken = async () => Promise.reject(new Error('no such model'));
    const events: WorkerEvent[] = [];
    await workOff(events, { loadModel: broken });
    expect(events.map(({ type }) => type)).toEqual(['retry', 'failed']);
    expect(await jobs.status(id)).toMatchObject({
      state: 'failed',
      stored: 0,
      shards: { total: 1, done: 0, failed: 1 },
      failures: [{ shard: 0, message: 'no such model' }],
    });
    expect(await jobs.retry(id)).toBe(1);
    await workOff();
    expect(await jobs.status(id)).toMatchObject({ state: 'done', stored: 3, failures: [] });
  });

  it('refuses a file that was changed after it was submitted', async () => {
    const input = await lines('changing.txt', ['a', 'b']);
    const store = join(folder, 'changing');
    const request = { inputs: [input], root: folder, store, id: 'changing', attempts: 1 };
    await jobs.submit(request);
    await lines('changing.txt', ['a', 'c']);
    await workOff();
    const failed = await jobs.status('changing');
    expect(failed.failures[0].message).toMatch(/Expected changing.txt as it was .*\[ERR_CONFLICT\]/);
    await expect(jobs.submit(request)).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
    await jobs.cancel('changing', { remove: true });
    await expect(jobs.status('changing')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    await jobs.submit(request);
    await workOff();
    expect(await jobs.status('changing')).toMatchObject({ state: 'done', stored: 2 });
  });

  it('stops what is cancelled, and goes on with it when it is submitted again', async () => {
    const input = await lines(
      'cancelled.txt',
      Array.from({ length: 30 }, (_, i) => `line ${i}`),
    );
    const store = join(folder, 'cancelled');
    const request = { inputs: [input], root: folder, store, shardRows: 3 };
    const { id } = await jobs.submit(request);
    let release: () => void = () => {};
    let embedded = 0;
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = {
      ...fake,
      async encodeDocument(texts: string[], { signal }: { signal?: AbortSignal } = {}) {
        if (++embedded > 2) {
          release();
          await new Promise((_, reject) =>
            signal?.addEventListener('abort', () => reject(new Error('stop'))),
          );
        }
        return fake.encodeDocument(texts);
      },
    };
    {
      await using worker = await JobWorker.start(url, {
        concurrency: 1,
        loadModel: async () => slow as never,
      });
      await first;
      await jobs.cancel(id);
      await worker.drained({ poll: 20 });
    }
    expect(await jobs.status(id)).toMatchObject({ state: 'cancelled', stored: 6, items: 30 });
    await jobs.submit(request);
    const events: WorkerEvent[] = [];
    await workOff(events);
    expect(events).toHaveLength(8);
    expect(await jobs.status(id)).toMatchObject({ state: 'done', stored: 30 });
  });

  it('gives a shard back when it is told to stop and has no time', async () => {
    const input = await lines('returned.txt', ['a', 'b']);
    const store = join(folder, 'returned');
    const { id } = await jobs.submit({ inputs: [input], root: folder, store });
    const events: WorkerEvent[] = [];
    let begun: () => void = () => {};
    const started = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const stuck = {
      ...fake,
      encodeDocument: async () => {
        begun();
        return new Promise(() => {});
      },
    };
    const worker = await JobWorker.start(url, {
      loadModel: async () => stuck as never,
      onEvent: (event) => events.push(event),
    });
    await started;
    await worker.close({ grace: 10 });
    expect(events).toMatchObject([{ type: 'returned', job: id, shard: 0 }]);
    // At once, not after the takeover.
    const began = performance.now();
    await workOff([], { takeover: 30_000 });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(await jobs.status(id)).toMatchObject({ state: 'done', stored: 2 });
  });

  it('stores every item once, whatever is killed: workers, and the queue', async () => {
    const total = 1500;
    const input = await lines(
      'killed.jsonl',
      Array.from({ length: total }, (_, i) => JSON.stringify({ n: i, text: `the cat ${i} sleeps` })),
    );
    const store = join(folder, 'killed');
    const request = {
      inputs: [input],
      root: folder,
      store,
      model: MODEL,
      fields: { id: 'n' },
      shardRows: 50,
    };
    const { id } = await jobs.submit({ ...request, attempts: 1000, retryDelay: 50 });
    const start = () =>
      startCli(['job', 'work', '--queue', url, '--takeover', '3', '--exit-when-done', '--quiet']);
    const progress = async (): Promise<JobStatus> =>
      jobs.status(id).catch(() => ({ stored: 0 }) as JobStatus);
    const until = async (stored: number) => {
      while ((await progress()).stored < stored) {
        if (worker.exitCode !== null) throw new Error(`The worker ended with ${worker.exitCode}`);
        await delay(5);
      }
    };
    let worker = start();
    await until(300);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    worker = start();
    await until(700);
    await redis.kill();
    await delay(200);
    await redis.start();
    await until(1100);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    await redis.kill();
    await redis.start();
    const last = await outcome(start());
    expect({ code: last.code, stderr: last.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await jobs.status(id)).toMatchObject({ state: 'done', items: total, stored: total, poisoned: 0 });
    await using stored = await LocalStore.open(store, { readOnly: true });
    const ids = new Set<string>();
    for await (const record of stored.scroll({ include: [] })) ids.add(record.id);
    expect([await stored.count(), ids.size]).toEqual([total, total]);
  }, 300_000);

  it('finds the row that kills its worker, and stores all others', async () => {
    const texts = Array.from({ length: 120 }, (_, i) => (i === 40 ? 'kill' : `text ${i}`));
    const input = await lines('killer.txt', texts);
    const store = join(folder, 'killer');
    const { id } = await jobs.submit({ inputs: [input], root: folder, store, shardRows: 60, retryDelay: 1 });
    const program = fileURLToPath(new URL('killed-worker.mjs', import.meta.url));
    const ends: (string | null)[] = [];
    do {
      const child = spawn(process.execPath, [program, url], { stdio: ['ignore', 'pipe', 'pipe'] });
      const { code, signal, stderr } = await outcome(child);
      expect({ code, stderr }).toEqual({ code: signal === null ? 0 : null, stderr: '' });
      ends.push(signal);
    } while (ends.at(-1) !== null);
    // At 60 rows, at 8 of them, at that one, and at that one again.
    expect(ends.length).toBeLessThanOrEqual(5);
    const done = await jobs.status(id);
    expect(done).toMatchObject({ state: 'done', items: 120, stored: 119, poisoned: 1, failures: [] });
    expect(done.poison).toMatchObject([
      {
        place: 'killer.txt#41',
        id: 'killer.txt#41',
        code: 'ERR_WORKER',
        message: expect.stringMatching(/^2 workers ended/),
      },
    ]);
    await using stored = await LocalStore.open(store, { readOnly: true });
    expect(await stored.count()).toBe(119);
    expect(await stored.get(['killer.txt#41', 'killer.txt#42'])).toMatchObject([
      undefined,
      { document: 'text 41' },
    ]);
  }, 300_000);

  it('is there on the command line', async () => {
    await lines('cli.txt', ['the cat sleeps', 'a dog barks']);
    const queue = ['--queue', `${url}/0?prefix=cli`];
    const store = join(folder, 'cli-store');
    const args = ['job', 'submit', 'cli.txt', '--root', folder, '--store', 'env:JOB_STORE', '--model', MODEL];
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

  it('lets a worker end what it is at when it is told to stop', async () => {
    const all = Array.from({ length: 3000 }, (_, i) => `the cat ${i} sleeps`);
    const input = await lines('stopped.txt', all);
    const store = join(folder, 'stopped');
    const { id } = await jobs.submit({ inputs: [input], root: folder, store, model: MODEL, shardRows: 50 });
    const worker = startCli(['job', 'work', '--queue', url]);
    const ended = outcome(worker);
    await once(worker.stdout, 'data');
    worker.kill('SIGTERM');
    const { code, stderr, stdout } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { shards } = await jobs.status(id);
    expect(shards.done).toBe(stdout.trim().split('\n').length);
    // Nothing waits for a takeover: the rest is there for the next worker.
    await jobs.cancel(id, { remove: true });
  });

  it.each<[string, object]>([
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
  ])('refuses %s', async (_, request) => {
    await expect(jobs.submit({ root: folder, ...request } as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG',
    });
  });

  it('refuses options that make no sense', async () => {
    const refused = { code: 'ERR_INVALID_ARG' };
    await expect(jobs.cancel('a', { removed: true } as never)).rejects.toMatchObject(refused);
    await expect(jobs.cancel('a', { remove: 'yes' } as never)).rejects.toMatchObject(refused);
    await using worker = await JobWorker.start(url);
    await expect(worker.drained({ poll: 0 })).rejects.toMatchObject(refused);
    await expect(worker.close({ grace: -1 })).rejects.toMatchObject(refused);
    await expect(worker.close({ grace: Number.NaN })).rejects.toMatchObject(refused);
  });

  it('says that there is no such file', async () => {
    const request = { root: folder, inputs: ['nowhere.txt'], store: 's' };
    await expect(jobs.submit(request)).rejects.toMatchObject({ code: 'ERR_IO' });
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
