import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type JobStatus, JobWorker, type WorkerEvent } from 'embedlane/jobs';
import { LocalStore } from 'embedlane/stores';
import { parquetWriteFile } from 'hyparquet-writer';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { parquetPages } from '#dist/files/parquet.js';
import { endOfPage } from '#dist/files/parquet-pages.js';
import { startCli } from '../cli/support.js';
import { outcome } from '../outcome.js';
import { fake, hasRedis, JobSite, later, MODEL } from './support.js';

/** Lets workers work until one ends because all is done; says how many ended before. */
async function killWorkers(site: JobSite): Promise<number> {
  const program = fileURLToPath(new URL('killed-worker.mjs', import.meta.url));
  for (let ends = 0; ; ends++) {
    const child = spawn(process.execPath, [program, site.url], { stdio: ['ignore', 'pipe', 'pipe'] });
    const { code, signal, stderr } = await outcome(child);
    expect({ code, stderr }).toEqual({ code: signal === null ? 0 : null, stderr: '' });
    if (signal === null) return ends;
    await site.takeOver();
  }
}

describe.skipIf(!hasRedis)('jobs in which something goes wrong', () => {
  const site = new JobSite();

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
    const input = await site.lines('poison.jsonl', [...good.slice(0, 20), ...bad, ...good.slice(20)]);
    const store = join(site.folder, 'poison');
    const request = { inputs: [input], root: site.folder, store, fields: { id: 'key' }, retryDelay: 1 };
    const { id } = await site.jobs.submit(request);
    const events: WorkerEvent[] = [];
    await site.workOff(events);
    const done = await site.jobs.status(id);
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
    const input = await site.lines('failing.txt', ['a', 'b', 'c']);
    const store = join(site.folder, 'failing');
    const { id } = await site.jobs.submit({
      inputs: [input],
      root: site.folder,
      store,
      attempts: 2,
      retryDelay: 1,
    });
    const broken = async () => Promise.reject(new Error('no such model'));
    const events: WorkerEvent[] = [];
    await site.workOff(events, { loadModel: broken });
    expect(events.map(({ type }) => type)).toEqual(['retry', 'failed']);
    expect(await site.jobs.status(id)).toMatchObject({
      state: 'failed',
      stored: 0,
      shards: { total: 1, done: 0, failed: 1 },
      failures: [{ shard: 0, message: 'no such model' }],
    });
    expect(await site.jobs.retry(id)).toBe(1);
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 3, failures: [] });
  });

  it('stops what is cancelled, and goes on with it when it is submitted again', async () => {
    const input = await site.lines(
      'cancelled.txt',
      Array.from({ length: 30 }, (_, i) => `line ${i}`),
    );
    const store = join(site.folder, 'cancelled');
    const request = { inputs: [input], root: site.folder, store, shardRows: 3 };
    const { id } = await site.jobs.submit(request);
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
      await using worker = await JobWorker.start(site.url, {
        concurrency: 1,
        loadModel: async () => slow as never,
      });
      await first;
      await site.jobs.cancel(id);
      await worker.drained({ poll: 20 });
    }
    expect(await site.jobs.status(id)).toMatchObject({ state: 'cancelled', stored: 6, items: 30 });
    await site.jobs.submit(request);
    const events: WorkerEvent[] = [];
    await site.workOff(events);
    expect(events).toHaveLength(8);
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 30 });
  });

  it('leaves a shard that was cancelled to whoever submits it again meanwhile', async () => {
    const input = await site.lines('resubmitted.txt', ['a', 'b']);
    const request = { inputs: [input], root: site.folder, store: join(site.folder, 'resubmitted') };
    const { id } = await site.jobs.submit(request);
    const begun = later();
    const left = later();
    const interrupted = {
      ...fake,
      async encodeDocument(_: string[], { signal }: { signal: AbortSignal }) {
        begun.resolve();
        await once(signal, 'abort');
        await site.jobs.submit(request);
        left.resolve();
        signal.throwIfAborted();
      },
    };
    const worker = await JobWorker.start(site.url, {
      loadModel: async () => interrupted as never,
      concurrency: 1,
    });
    await begun.promise;
    await site.jobs.cancel(id);
    await left.promise;
    await worker.close({ grace: 0 });
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 2 });
  });

  it('notes a shard as failed, once, that no worker lives to open', async () => {
    const input = await site.lines('deadly.txt', ['a', 'b']);
    const request = { inputs: [input], root: site.folder, store: join(site.folder, 'deadly'), attempts: 1 };
    const { id } = await site.jobs.submit(request);
    const redis = new Redis(site.url);
    const note = { doing: 'opening', opened: 5, at: 0, groups: [{ end: 2, width: 2 }], killed: 0 };
    await redis.hset(`embedlane:job:${id}:notes`, 0, JSON.stringify({ ...note, stored: 0, aside: [] }));
    redis.disconnect();
    const events: WorkerEvent[] = [];
    await site.workOff(events);
    expect(events.map(({ type }) => type)).toEqual(['failed']);
    expect((await site.jobs.status(id)).failures).toMatchObject([
      { message: expect.stringMatching(/6 did not/) },
    ]);
    // Asked to try again, it knows nothing of that.
    await site.jobs.retry(id);
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 2 });
  });

  it('gives a shard back when it is told to stop and has no time', async () => {
    const input = await site.lines('returned.txt', ['a', 'b']);
    const store = join(site.folder, 'returned');
    const { id } = await site.jobs.submit({ inputs: [input], root: site.folder, store });
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
    const worker = await JobWorker.start(site.url, {
      loadModel: async () => stuck as never,
      onEvent: (event) => events.push(event),
    });
    await started;
    await worker.close({ grace: 10 });
    expect(events).toMatchObject([{ type: 'returned', job: id, shard: 0 }]);
    // At once, not after the takeover.
    const began = performance.now();
    await site.workOff([], { takeover: 30_000 });
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 2 });
  });

  it('stores every item once, whatever is killed: workers, and the queue', async () => {
    const total = 1500;
    const input = await site.lines(
      'killed.jsonl',
      Array.from({ length: total }, (_, i) => JSON.stringify({ n: i, text: `the cat ${i} sleeps` })),
    );
    const store = join(site.folder, 'killed');
    const request = {
      inputs: [input],
      root: site.folder,
      store,
      model: MODEL,
      fields: { id: 'n' },
      shardRows: 50,
    };
    const { id } = await site.jobs.submit({ ...request, attempts: 1000, retryDelay: 50 });
    const start = () =>
      startCli(['job', 'work', '--queue', site.url, '--takeover', '3', '--exit-when-done', '--quiet']);
    const progress = async (): Promise<JobStatus> =>
      site.jobs.status(id).catch(() => ({ stored: 0 }) as JobStatus);
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
    await site.takeOver();
    worker = start();
    await until(700);
    await site.redis.kill();
    await delay(200);
    await site.redis.start();
    await until(1100);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    await site.redis.kill();
    await site.redis.start();
    await site.takeOver();
    const last = await outcome(start());
    expect({ code: last.code, stderr: last.stderr }).toEqual({ code: 0, stderr: '' });
    expect(await site.jobs.status(id)).toMatchObject({
      state: 'done',
      items: total,
      stored: total,
      poisoned: 0,
    });
    await using stored = await LocalStore.open(store, { readOnly: true });
    const ids = new Set<string>();
    for await (const record of stored.scroll({ include: [] })) ids.add(record.id);
    expect([await stored.count(), ids.size]).toEqual([total, total]);
  }, 300_000);

  it('finds the rows that kill their workers, embedded or parsed, and stores all others', async () => {
    const texts = Array.from({ length: 24 }, (_, i) => `text ${i}`);
    texts[3] = 'kill';
    texts[12] = 'kill the parser';
    const rows = texts.map((text, n) => JSON.stringify({ n, text }));
    const input = await site.lines('killer.jsonl', rows);
    const store = join(site.folder, 'killer');
    const request = { inputs: [input], root: site.folder, store, fields: { id: 'n' }, retryDelay: 1 };
    const { id } = await site.jobs.submit({ ...request, shardRows: 8 });
    const ends = await killWorkers(site);
    // For each: at 8 rows, at that one, and at that one again.
    expect(ends).toBeLessThanOrEqual(6);
    const done = await site.jobs.status(id);
    expect(done).toMatchObject({ state: 'done', items: 24, stored: 22, poisoned: 2, failures: [] });
    const why = { code: 'ERR_WORKER', message: expect.stringMatching(/^2 workers ended/) };
    expect(done.poison).toEqual([
      { place: 'killer.jsonl#13', ...why },
      { place: 'killer.jsonl#4', ...why },
    ]);
    await using stored = await LocalStore.open(store, { readOnly: true });
    expect(await stored.count()).toBe(22);
    expect(await stored.get(['3', '4', '12', '13'])).toMatchObject([
      undefined,
      { document: 'text 4' },
      undefined,
      { document: 'text 13' },
    ]);
  }, 300_000);

  it('finds rows of Parquet that kill their workers alone, and with their page where that cannot be decoded', async () => {
    const texts = Array.from({ length: 24 }, (_, i) => `text ${10 + i}`);
    texts[5] = 'kill';
    texts[18] = 'kill the decoder';
    const filename = join(site.folder, 'killer.parquet');
    const column = { name: 'text', data: texts, type: 'STRING', encoding: 'PLAIN' } as const;
    parquetWriteFile({ filename, columnData: [column], pageSize: 50 });
    const pages = await parquetPages(filename, { fields: ['text'], start: 0, end: 24 });
    const first = pages.bounds.findLast((row) => row <= 18)!;
    const lost = Array.from({ length: endOfPage(pages, 18) - first }, (_, i) => first + i);
    expect([lost.length > 2, lost.length < 8]).toEqual([true, true]);
    const store = join(site.folder, 'parquet-killer');
    const request = { inputs: ['killer.parquet'], root: site.folder, store, retryDelay: 1 };
    const { id } = await site.jobs.submit(request);
    // At all rows, at 3, at that one twice; at 3, at the page's first row twice: more if one is too slow to say that it lives.
    expect(await killWorkers(site)).toBeLessThanOrEqual(12);
    const done = await site.jobs.status(id);
    expect(done).toMatchObject({ state: 'done', items: 24, poisoned: 1 + lost.length, failures: [] });
    const place = (row: number) => `killer.parquet#${row + 1}`;
    const page = `the page with the rows ${place(first)} to ${place(lost.at(-1)!)} to decode`;
    const item = (row: number, what: string) => {
      const message = `2 workers ended while they had nothing but ${what}`;
      return { place: place(row), id: place(row), code: 'ERR_WORKER', message };
    };
    const expected = [item(5, 'this row to do'), ...lost.map((row) => item(row, page))];
    const byPlace = (a: { place: string }, b: { place: string }) => a.place.localeCompare(b.place);
    expect(done.poison.toSorted(byPlace)).toEqual(expected.toSorted(byPlace));
    await using stored = await LocalStore.open(store, { readOnly: true });
    const found = await stored.get(texts.map((_, i) => place(i)));
    const missing = found.flatMap((record, i) => (record === undefined ? [i] : []));
    expect(missing).toEqual([5, ...lost]);
  }, 300_000);

  it('lets a worker end what it is at when it is told to stop', async () => {
    const all = Array.from({ length: 3000 }, (_, i) => `the cat ${i} sleeps`);
    const input = await site.lines('stopped.txt', all);
    const store = join(site.folder, 'stopped');
    const { id } = await site.jobs.submit({
      inputs: [input],
      root: site.folder,
      store,
      model: MODEL,
      shardRows: 50,
    });
    const worker = startCli(['job', 'work', '--queue', site.url]);
    const ended = outcome(worker);
    await once(worker.stdout, 'data');
    worker.kill('SIGTERM');
    const { code, stderr, stdout } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { shards } = await site.jobs.status(id);
    expect(shards.done).toBe(stdout.trim().split('\n').length);
    // Nothing waits for a takeover: the rest is there for the next worker.
    await site.jobs.cancel(id, { remove: true });
  });
});
