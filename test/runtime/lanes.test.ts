import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Lane, type LaneSettings } from '#dist/runtime/index.js';

const ECHO = new URL('./echo-lane.mjs', import.meta.url);
interface Who {
  pid: number;
  thread: number;
}

let lane: Lane<{ pid: number; loads: number }>;
afterEach(() => lane?.close());

function open(settings: Partial<LaneSettings>): typeof lane {
  const defaults = { count: 1, keepAlive: Number.POSITIVE_INFINITY, isolation: undefined };
  lane = new Lane(ECHO, {}, { ...defaults, ...settings });
  return lane;
}

const who = () => lane.run((handle) => handle.call('who', null) as Promise<Who>);

describe('several lanes', () => {
  it('share the work, and are told of everything', async () => {
    open({ count: 3 });
    await lane.load();
    expect([lane.size, new Set(lane.pids).size, lane.health]).toEqual([3, 3, { alive: 3, deaths: 0 }]);
    const pids = await Promise.all(Array.from({ length: 12 }, async () => (await who()).pid));
    expect(new Set(pids)).toEqual(new Set(lane.pids));
    for (const pid of lane.pids) expect(pids.filter((other) => other === pid)).toHaveLength(4);
  });

  it('give work to one that is free while another is busy', async () => {
    open({ count: 2 });
    await lane.load();
    const hanging = lane.run((handle) => handle.call('hang', null));
    hanging.catch(() => {});
    const [, free] = lane.pids;
    for (let i = 0; i < 5; i++) expect((await who()).pid).toBe(free);
  });

  it('are replaced one by one', async () => {
    open({ count: 2 });
    await lane.load();
    const [dying, other] = lane.pids;
    process.kill(dying, 'SIGKILL');
    await expect.poll(() => lane.pids, { timeout: 10_000 }).toEqual([other]);
    await Promise.all(Array.from({ length: 4 }, who));
    expect(lane.pids).toHaveLength(2);
    expect(lane.pids).not.toContain(dying);
    expect(lane.health).toEqual({ alive: 2, deaths: 1 });
  });

  it('all end when closed', async () => {
    open({ count: 3 });
    await lane.load();
    const work = Promise.allSettled(
      Array.from({ length: 6 }, () => lane.run((handle) => handle.call('hang', null))),
    );
    await lane.close();
    for (const result of await work) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } });
    }
    expect(lane.pids).toEqual([]);
  });
});

describe('an idle lane', () => {
  it('is ended after a while, and started again by the next call', async () => {
    open({ keepAlive: 20 });
    const { pid } = await lane.load();
    await expect.poll(() => lane.pid, { timeout: 10_000 }).toBeUndefined();
    const next = await who();
    expect(next.pid).not.toBe(pid);
    expect(lane.health.deaths).toBe(0);
    await expect.poll(() => lane.pid, { timeout: 10_000 }).toBeUndefined();
  });

  it('stays while it has work, however long that takes', async () => {
    open({ keepAlive: 1 });
    const [before, after] = await lane.run(async (handle) => {
      const first = (await handle.call('who', null)) as Who;
      await handle.call('block', 100);
      return [first, (await handle.call('who', null)) as Who];
    });
    expect(after).toEqual(before);
    expect(lane.health.deaths).toBe(0);
  });

  it('of no patience is new for every call', async () => {
    open({ keepAlive: 0 });
    const pids = new Set<number>();
    for (let i = 0; i < 3; i++) {
      pids.add((await who()).pid);
      await expect.poll(() => lane.pid, { timeout: 10_000 }).toBeUndefined();
    }
    expect(pids.size).toBe(3);
  });

  it('can be closed', async () => {
    open({ keepAlive: 0 });
    await lane.load();
    await lane.close();
    await expect(lane.load()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe('a lane that is a thread', () => {
  const thread = { isolation: 'thread' as const };

  it('does the same as a process', async () => {
    open(thread);
    const { pid } = await lane.load();
    expect(pid).toBe(process.pid);
    expect(lane.pids).toEqual([]);
    expect(lane.health.alive).toBe(1);
    const seen: number[] = [];
    const result = await lane.run((handle) => handle.call('count', 5, (i: number) => void seen.push(i)));
    expect([result, seen]).toEqual(['done', [0, 1, 2, 3, 4]]);
    await expect(lane.run((handle) => handle.call('fail', null))).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
    });
  });

  it('is replaced when it ends, and its work done again', async () => {
    open(thread);
    let attempts = 0;
    const result = await lane.run(async (handle) =>
      ++attempts === 1 ? handle.call('die', { how: 'exit', words: '' }) : handle.call('who', null),
    );
    expect([(result as Who).pid, attempts]).toEqual([process.pid, 2]);
    expect(lane.health).toEqual({ alive: 1, deaths: 1 });
  });

  it('is closed only after the run in progress, and starts none after it', async () => {
    open(thread);
    await lane.load();
    const work = Promise.allSettled([
      lane.run((handle) => handle.call('block', 200)),
      lane.run((handle) => handle.call('block', 600_000)),
    ]);
    const [first, second] = await Promise.all([work, lane.close()]).then(([results]) => results);
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } });
    // The first may have answered just before the thread ended.
    if (first.status === 'rejected') expect(first.reason).toMatchObject({ code: 'ERR_CLOSED' });
    expect(lane.health.alive).toBe(0);
  });

  it('is refused in a worker thread, whose end it could not hold up', async () => {
    const source = `
      import { parentPort } from 'node:worker_threads';
      import { Lane } from '${import.meta.resolve('#dist/runtime/index.js')}';
      const settings = { count: 1, keepAlive: Infinity, isolation: 'thread' };
      const lane = new Lane(new URL('${ECHO}'), {}, settings);
      const { code, message } = await lane.load().catch((error) => error);
      parentPort.postMessage({ code, message });`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const [error] = await once(worker, 'message');
    expect(error).toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining('--allow-child-process'),
    });
    await worker.terminate();
  });
});
