import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { JobWorker, type WorkerEvent } from 'embedlane/jobs';
import { LocalStore } from 'embedlane/stores';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outcome } from '../outcome.js';
import { fake, hasRedis, JobSite, later } from './support.js';

afterEach(() => void vi.restoreAllMocks());

describe.skipIf(!hasRedis)('a worker that is closed', () => {
  const site = new JobSite();

  const submit = async (id: string) =>
    site.jobs.submit({
      id,
      inputs: [await site.lines(`${id}.txt`, ['a', 'b'])],
      root: site.folder,
      store: join(site.folder, id),
    });

  const connections = async () =>
    (await site.ask((redis) => redis.client('LIST') as Promise<string>)).trim().split('\n').length;

  it('ends models, stores and connections, whatever the queue says', async () => {
    const { Worker } = await import('bullmq');
    const before = await connections();
    await submit('refused');
    const close = vi.fn(async () => {});
    const loadModel = async () => ({ ...fake, close }) as never;
    const worker = await JobWorker.start(site.url, { loadModel });
    await worker.drained({ poll: 20 });
    const { close: end } = Worker.prototype;
    vi.spyOn(Worker.prototype, 'close').mockImplementation(async function (this: never) {
      await end.call(this);
      throw new Error('no goodbye');
    });
    await expect(worker.close()).rejects.toThrow('no goodbye');
    expect(close).toHaveBeenCalled();
    // It is locked for as long as somebody has it open.
    await using store = await LocalStore.open(join(site.folder, 'refused'));
    expect(await store.count()).toBe(2);
    await vi.waitFor(async () => expect(await connections()).toBe(before));
  }, 20_000);

  it('ends the model, though the store cannot be closed', async () => {
    await submit('unclosed');
    const close = vi.fn(async () => {});
    const worker = await JobWorker.start(site.url, { loadModel: async () => ({ ...fake, close }) as never });
    await worker.drained({ poll: 20 });
    vi.spyOn(LocalStore.prototype, 'close').mockRejectedValueOnce(new Error('no disk'));
    await worker.close();
    expect(close).toHaveBeenCalled();
  });

  it('gives shards back that wait for a model', async () => {
    const { id } = await submit('loading');
    const loading = later();
    const loaded = later<never>();
    const close = vi.fn(async () => {});
    const events: WorkerEvent[] = [];
    const worker = await JobWorker.start(site.url, {
      onEvent: (event) => events.push(event),
      loadModel: () => {
        loading.resolve();
        return loaded.promise;
      },
    });
    await loading.promise;
    const began = performance.now();
    await worker.close({ grace: 10 });
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(events[0]).toEqual({ type: 'returned', job: id, shard: 0 });
    // When it is there after all, nobody needs it any more.
    loaded.resolve({ ...fake, close } as never);
    await vi.waitFor(() => expect(close).toHaveBeenCalled());
    await site.workOff();
    expect(await site.jobs.status(id)).toMatchObject({ state: 'done', stored: 2 });
  }, 20_000);

  it('is not waited for any longer', async () => {
    const { id } = await submit('waited');
    const worker = await JobWorker.start(site.url, {
      loadModel: async () => ({ ...fake, encodeDocument: () => new Promise(() => {}) }) as never,
    });
    const drained = worker.drained({ poll: 3_600_000 });
    await delay(100);
    await worker.close({ grace: 0 });
    await expect(Promise.race([drained, delay(5000, 'waits on')])).resolves.toBeUndefined();
    await site.jobs.cancel(id, { remove: true });
  }, 20_000);

  it('is not waited for any longer while Redis is gone, and lets the program end', async () => {
    const program = fileURLToPath(new URL('closed-worker.mjs', import.meta.url));
    const child = spawn(process.execPath, [program, site.url], { stdio: ['pipe', 'pipe', 'pipe'] });
    await once(child.stdout, 'data');
    await site.redis.kill();
    child.stdin.end();
    const { code, stdout, stderr } = await outcome(child);
    await site.redis.start();
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'drained\nclosed\n', stderr: '' });
  }, 20_000);
});
