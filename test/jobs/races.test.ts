import { join } from 'node:path';
import { JobQueue, JobWorker, type WorkerEvent } from 'embedlane/jobs';
import { LocalStore } from 'embedlane/stores';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Ledger } from '#dist/jobs/ledger.js';
import { fake, hasRedis, JobSite, later } from './support.js';

afterEach(() => void vi.restoreAllMocks());

/** Once, between the ledger's answer and what its asker makes of it. */
function after(method: 'read' | 'fail' | 'forgive', then: () => Promise<unknown>): void {
  const original = Ledger.prototype[method] as (...args: unknown[]) => Promise<unknown>;
  const spy = vi.spyOn(Ledger.prototype, method);
  spy.mockImplementationOnce(async function (this: Ledger, ...args: unknown[]) {
    const answer = await original.apply(this, args);
    await then();
    return answer as never;
  });
}

/** Once, when all shards of a job are queued and that is about to be noted. */
function beforeRunning(work: () => Promise<unknown>): void {
  const { grow } = Ledger.prototype;
  vi.spyOn(Ledger.prototype, 'grow').mockImplementation(async function (this: Ledger, ...args) {
    if (args[3] === 'running') {
      vi.restoreAllMocks();
      await work();
    }
    return grow.apply(this, args);
  });
}

/** A model that waits at its first texts until it is told to go on. */
function heldModel() {
  const held = later();
  const begun = later();
  const model = {
    ...fake,
    async encodeDocument(texts: string[]) {
      begun.resolve();
      await held.promise;
      return fake.encodeDocument(texts);
    },
  };
  return { begun: begun.promise, release: held.resolve, loadModel: async () => model as never };
}

describe.skipIf(!hasRedis)('jobs that are changed from two sides at once', () => {
  const site = new JobSite();

  const requestOf = async (id: string, texts: readonly string[], options = {}) => ({
    id,
    inputs: [await site.lines(`${id}.txt`, texts)],
    root: site.folder,
    store: join(site.folder, id),
    retryDelay: 1,
    ...options,
  });

  it('stay cancelled when they are cancelled while the last shard is being queued', async () => {
    const request = await requestOf('late-cancel', ['a', 'b']);
    beforeRunning(() => site.jobs.cancel('late-cancel'));
    await expect(site.jobs.submit(request)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect((await site.jobs.status('late-cancel')).state).toBe('cancelled');
    await site.jobs.submit(request);
    await site.workOff();
    expect(await site.jobs.status('late-cancel')).toMatchObject({ state: 'done', stored: 2 });
  });

  it('leave nothing behind when they are removed while they are submitted', async () => {
    const request = await requestOf('late-remove', ['a', 'b']);
    beforeRunning(() => site.jobs.cancel('late-remove', { remove: true }));
    await expect(site.jobs.submit(request)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(await site.ask((redis) => redis.keys('*late-remove*'))).toEqual([]);
  });

  it('are one when they are submitted twice at once', async () => {
    const request = await requestOf(
      'twice',
      Array.from({ length: 300 }, (_, i) => `line ${i}`),
      { shardRows: 1 },
    );
    await using others = await JobQueue.open(site.url);
    await Promise.all([site.jobs.submit(request), others.submit(request)]);
    await site.workOff([], { concurrency: 8 });
    const done = await site.jobs.status('twice');
    expect(done).toMatchObject({ state: 'done', stored: 300, items: 300, shards: { total: 300 } });
  });

  it('are one of two that are submitted at once with the same id', async () => {
    const one = await requestOf('either', ['a', 'b']);
    const other = { ...(await requestOf('other', ['c'])), id: 'either' };
    await using others = await JobQueue.open(site.url);
    const submitted = await Promise.allSettled([site.jobs.submit(one), others.submit(other)]);
    expect(submitted.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const refused = submitted.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).toMatchObject({ code: 'ERR_CONFLICT' });
    await site.workOff();
    const done = await site.jobs.status('either');
    expect([done.state, done.stored]).toEqual(['done', done.items]);
  });

  it('have every shard done when they go on just as a worker drops one that was cancelled', async () => {
    const request = await requestOf('dropped', ['a']);
    const { id } = await site.jobs.submit(request);
    // As when it is cancelled just before a worker takes the shard: the queue cannot take it from a worker.
    await site.ask((redis) => redis.hset(`embedlane:job:${id}`, 'state', 'cancelled'));
    after('read', () => site.jobs.submit(request));
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 1 });
  });

  it('do not take the work of a removed one of the same id for theirs', async () => {
    const { id } = await site.jobs.submit(await requestOf('renewed', ['old']));
    const { begun, release, loadModel } = heldModel();
    {
      await using _ = await JobWorker.start(site.url, { loadModel, concurrency: 1 });
      await begun;
      await site.jobs.cancel(id, { remove: true });
      await site.jobs.submit(await requestOf('renewed', ['new']));
      release();
    }
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 1 });
    await using stored = await LocalStore.open(join(site.folder, 'renewed'), { readOnly: true });
    expect(await stored.get(['renewed.txt#1'])).toMatchObject([{ document: 'new' }]);
  });

  it('are not removed by rows that lose their id to them', async () => {
    const store = join(site.folder, 'rows-before');
    async function* records() {
      yield { text: 'a' };
      await site.jobs.cancel('taken', { remove: true });
      await site.jobs.submit(await requestOf('taken', ['b']));
      yield { text: 'c' };
    }
    const submitted = site.jobs.submit({ id: 'taken', records: records(), store, shardRows: 1 });
    await expect(submitted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await site.workOff();
    expect(await site.jobs.status('taken')).toMatchObject({ state: 'done', stored: 1 });
  });

  it('blame no row for a worker that was told to leave it', async () => {
    const request = await requestOf('innocent', ['a']);
    for (let round = 0; round < 3; round++) {
      const { id } = await site.jobs.submit(request);
      const { begun, release, loadModel } = heldModel();
      await using _ = await JobWorker.start(site.url, { loadModel, concurrency: 1 });
      await begun;
      await site.jobs.cancel(id);
      await site.jobs.submit(request);
      await site.jobs.cancel(id);
      release();
    }
    const { id } = await site.jobs.submit(request);
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 1, poisoned: 0 });
  });
});

describe.skipIf(!hasRedis)('shards that have failed', () => {
  const site = new JobSite();
  const broken = { loadModel: async () => Promise.reject(new Error('no such model')) };

  async function failed(id: string): Promise<void> {
    const inputs = [await site.lines(`${id}.txt`, ['a', 'b'])];
    const store = join(site.folder, id);
    await site.jobs.submit({ id, inputs, root: site.folder, store, attempts: 1, retryDelay: 1 });
    await site.workOff([], broken);
    expect(await site.jobs.status(id)).toMatchObject({ state: 'failed', shards: { failed: 1 } });
  }

  it('stay so if they cannot be queued again', async () => {
    await failed('unqueued');
    const { Job } = await import('bullmq');
    vi.spyOn(Job.prototype, 'retry').mockRejectedValueOnce(new Error('Connection is closed.'));
    await expect(site.jobs.retry('unqueued')).rejects.toMatchObject({ code: 'ERR_REMOTE' });
    expect(await site.jobs.status('unqueued')).toMatchObject({ state: 'failed', shards: { failed: 1 } });
    expect(await site.jobs.retry('unqueued')).toBe(1);
    expect(await site.jobs.status('unqueued')).toMatchObject({ state: 'running', shards: { failed: 0 } });
    await site.workOff();
    expect(await site.jobs.status('unqueued')).toMatchObject({ state: 'done', stored: 2 });
  });

  it('are queued once if whoever asked for it ends before that is noted', async () => {
    await failed('unforgiven');
    vi.spyOn(Ledger.prototype, 'forgive').mockRejectedValueOnce(new Error('ended'));
    await expect(site.jobs.retry('unforgiven')).rejects.toThrow('ended');
    expect(await site.jobs.retry('unforgiven')).toBe(1);
    const events: WorkerEvent[] = [];
    await site.workOff(events);
    expect(events.map(({ type }) => type)).toEqual(['stored']);
    expect(await site.jobs.status('unforgiven')).toMatchObject({ state: 'done', failures: [] });
  });

  it('may be asked for by two at once', async () => {
    await failed('asked-twice');
    await using others = await JobQueue.open(site.url);
    await Promise.all([site.jobs.retry('asked-twice'), others.retry('asked-twice')]);
    const events: WorkerEvent[] = [];
    await site.workOff(events);
    expect(events.map(({ type }) => type)).toEqual(['stored']);
    expect(await site.jobs.status('asked-twice')).toMatchObject({ state: 'done', failures: [] });
  });

  it('are noted when they fail again before that they are queued is', async () => {
    await failed('again');
    const { Job } = await import('bullmq');
    const { retry } = Job.prototype;
    vi.spyOn(Job.prototype, 'retry').mockImplementationOnce(async function (this: never, ...args) {
      await retry.apply(this, args);
      await site.workOff([], broken);
    });
    await site.jobs.retry('again');
    expect(await site.jobs.status('again')).toMatchObject({ state: 'failed', shards: { failed: 1 } });
  });

  it('are not forgotten when they are asked for before the queue knows that they have failed', async () => {
    const id = 'early';
    const inputs = [await site.lines(`${id}.txt`, ['a', 'b'])];
    const store = join(site.folder, id);
    await site.jobs.submit({ id, inputs, root: site.folder, store, attempts: 1 });
    after('fail', () => site.jobs.retry(id));
    await site.workOff([], broken);
    expect(await site.jobs.status(id)).toMatchObject({ state: 'failed', shards: { failed: 1 } });
    await site.jobs.retry(id);
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 2 });
  });

  it.each(['read', 'fail'] as const)(
    'are done by another worker if Redis refuses the note of it (%s)',
    async (method) => {
      const id = `unnoted-${method}`;
      const inputs = [await site.lines(`${id}.txt`, ['a', 'b'])];
      const store = join(site.folder, id);
      await site.jobs.submit({ id, inputs, root: site.folder, store, attempts: 1 });
      const events: WorkerEvent[] = [];
      const loadModel = vi.fn(async () => fake as never);
      if (method === 'fail') loadModel.mockRejectedValueOnce(new Error('no such model'));
      const refused = vi.spyOn(Ledger.prototype, method).mockRejectedValueOnce(new Error('BUSY'));
      await site.workOff(events, { loadModel });
      expect(refused).toHaveBeenCalled();
      expect(events).toMatchObject([{ type: 'queue', error: { message: 'BUSY' } }, { type: 'stored' }]);
      expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 2 });
    },
  );
});
