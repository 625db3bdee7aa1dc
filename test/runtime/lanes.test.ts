import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Lane, type LaneSettings, planTeam } from '#dist/runtime/index.js';

const ECHO = new URL('./echo-lane.mjs', import.meta.url);
interface Who {
  pid: number;
  thread: number;
}

let lane: Lane<{ pid: number; loads: number }>;
afterEach(() => lane?.close());

function open(settings: Partial<LaneSettings>): typeof lane {
  const defaults = { count: 1, teamKeepAlive: 0, keepAlive: Number.POSITIVE_INFINITY, isolation: undefined };
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

  it('give work to the one with the least left to do, as the tasks tell', async () => {
    open({ count: 2 });
    await lane.load();
    const [first, second] = lane.pids;
    let left = 5;
    for (const work of [() => left, () => 3]) {
      lane.run((handle) => handle.call('hang', null), 'interactive', work).catch(() => {});
    }
    expect((await who()).pid).toBe(second);
    left = 2;
    expect((await who()).pid).toBe(first);
  });

  it('give none to one that is still being started while another is there', async () => {
    open({ count: 2 });
    await lane.load();
    const [dying, other] = lane.pids;
    process.kill(dying, 'SIGKILL');
    await expect.poll(() => lane.pids, { timeout: 10_000 }).toEqual([other]);
    const hanging = lane.run((handle) => handle.call('hang', null));
    hanging.catch(() => {});
    // Missed now, so it is started, but the call does not wait for that.
    expect((await who()).pid).toBe(other);
    expect(lane.pids).toHaveLength(2);
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

describe('a team', () => {
  const TEAM = { teamKeepAlive: 60_000 };
  /** Does so many tasks of some milliseconds, as a job with many windows. */
  const work = (tasks: number, milliseconds = 20) => {
    const pids: number[] = [];
    const loop = async () => {
      while (tasks-- > 0) {
        await lane.run(async (handle) => {
          pids.push(((await handle.call('who', null)) as Who).pid);
          await handle.call('block', milliseconds);
        }, 'bulk');
      }
    };
    const done = lane.spread(2, loop);
    // Most tests end in the middle of it.
    done.catch(() => {});
    return { pids, done };
  };
  /** Works until the team is there. */
  const grow = async (count = 2) => {
    const job = work(Number.POSITIVE_INFINITY);
    await expect.poll(() => lane.ready, { timeout: 30_000 }).toBe(count);
    return job;
  };

  it('is not started by a query after the other', async () => {
    open(TEAM);
    lane.allowTeam(2, {}, () => true);
    await lane.load();
    const until = performance.now() + 1000;
    while (performance.now() < until) await who();
    expect([lane.size, lane.ready, lane.health]).toEqual([2, 1, { alive: 1, deaths: 0 }]);
  });

  it('is started when work waits, and takes it over, also of the job that waited', async () => {
    open(TEAM);
    lane.allowTeam(2, {}, () => true);
    const { pid: first } = await lane.load();
    const { pids } = await grow();
    const team = lane.pids.filter((pid) => pid !== first);
    expect(new Set(team).size).toBe(2);
    expect(pids[0]).toBe(first);
    // Two tasks may still be on their way to the first.
    const from = pids.length + 2;
    await expect.poll(() => new Set(pids.slice(from)), { timeout: 30_000 }).toEqual(new Set(team));
    // A query that comes alone has the first for itself; the next beside it goes to the team.
    const hanging = lane.run((handle) => handle.call('hang', null));
    hanging.catch(() => {});
    expect(team).toContain((await who()).pid);
    expect(lane.health).toEqual({ alive: 3, deaths: 0 });
  });

  it('leaves the first lane to a query that comes alone', async () => {
    open(TEAM);
    lane.allowTeam(2, {}, () => true);
    const { pid: first } = await lane.load();
    await grow();
    for (let i = 0; i < 5; i++) expect((await who()).pid).toBe(first);
    // One that has its results is not under way any more, even if its lane has yet to say that it has ended.
    const ending = lane.run(
      (handle) => handle.call('hang', null),
      'interactive',
      () => 0,
    );
    ending.catch(() => {});
    const next = lane.run((handle) => Promise.resolve(handle.pid));
    expect(await next).toBe(first);
    const working = lane.run((handle) => handle.call('hang', null));
    working.catch(() => {});
    expect((await who()).pid).not.toBe(first);
  });

  it('is not started where there is no room', async () => {
    open(TEAM);
    let asked = 0;
    lane.allowTeam(2, {}, () => ++asked === 0);
    await lane.load();
    work(Number.POSITIVE_INFINITY);
    await expect.poll(() => asked, { timeout: 30_000 }).toBe(1);
    expect(lane.health.alive).toBe(1);
  });

  it('that cannot be started harms nobody', async () => {
    open(TEAM);
    lane.allowTeam(2, { fail: 'no memory' }, () => true);
    const { pid } = await lane.load();
    const job = work(200, 10);
    await job.done;
    expect(new Set(job.pids)).toEqual(new Set([pid]));
    expect(job.pids).toHaveLength(200);
    expect(lane.health).toEqual({ alive: 1, deaths: 0 });
  });

  it('ends when it is idle, and comes again', async () => {
    open({ teamKeepAlive: 2000 });
    lane.allowTeam(2, {}, () => true);
    await lane.load();
    const work = () =>
      lane.spread(2, async () => {
        while (lane.ready < 2) await lane.run((handle) => handle.call('block', 20), 'bulk');
      });
    for (let round = 0; round < 2; round++) {
      await work();
      await expect.poll(() => lane.health, { timeout: 10_000 }).toEqual({ alive: 1, deaths: 0 });
    }
  });

  it('gives its work back to the first lane while one of it is replaced', async () => {
    open(TEAM);
    lane.allowTeam(2, {}, () => true);
    const { pid: first } = await lane.load();
    await grow();
    const [victim] = lane.pids.filter((pid) => pid !== first);
    process.kill(victim, 'SIGKILL');
    await expect.poll(() => lane.health, { timeout: 30_000 }).toEqual({ alive: 3, deaths: 1 });
    await expect.poll(() => lane.ready, { timeout: 30_000 }).toBe(2);
  });

  it('is ended with its lane, also while it starts', async () => {
    open(TEAM);
    lane.allowTeam(2, {}, () => true);
    await lane.load();
    const job = work(Number.POSITIVE_INFINITY);
    await expect.poll(() => lane.health.alive, { timeout: 30_000 }).toBe(3);
    const [result] = await Promise.all([Promise.allSettled([job.done]), lane.close()]);
    expect(result[0]).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } });
    expect([lane.ready, lane.health.alive]).toEqual([1, 0]);
  });
});

describe('how the cores are shared', () => {
  it.each([
    [1, 45e6, undefined],
    [2, 45e6, { lanes: 2, threads: 1 }],
    [3, 45e6, { lanes: 3, threads: 1 }],
    [4, 23e6, { lanes: 4, threads: 1 }],
    [6, 23e6, { lanes: 3, threads: 2 }],
    [8, 23e6, { lanes: 4, threads: 2 }],
    [64, 23e6, { lanes: 4, threads: 16 }],
    [8, 90e6, { lanes: 2, threads: 4 }],
    [8, 150e6, undefined],
  ])('%i cores, %d bytes of files', (cores, bytes, team) => {
    expect(planTeam(bytes, cores)).toEqual(team);
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
      const settings = { count: 1, teamKeepAlive: 0, keepAlive: Infinity, isolation: 'thread' };
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
