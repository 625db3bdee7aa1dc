import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Batch, BatchScheduler } from '#dist/runtime/scheduler.js';

/** Batches that write their name into a log. */
function batches(log: string[], name: string, count: number): (() => Promise<void>)[] {
  return Array.from({ length: count }, (_, i) => async () => {
    await setImmediate();
    log.push(`${name}${i}`);
  });
}

describe('BatchScheduler', () => {
  it('runs a job in order', async () => {
    const log: string[] = [];
    const scheduler = new BatchScheduler();
    await Promise.all([scheduler.run(1, batches(log, 'a', 3)), scheduler.run(1, batches(log, 'b', 2))]);
    expect(log).toEqual(['a0', 'a1', 'a2', 'b0', 'b1']);
  });

  it('lets jobs take turns, so that a small one is not stuck behind a large one', async () => {
    const log: string[] = [];
    const scheduler = new BatchScheduler();
    const bulk = scheduler.run(1, batches(log, 'bulk', 50));
    await scheduler.run(2, batches(log, 'query', 1));
    expect(log.length).toBeLessThanOrEqual(3);
    await bulk;
    expect(log).toHaveLength(51);
  });

  it('never runs two batches at once', async () => {
    let running = 0;
    const scheduler = new BatchScheduler();
    const batch = async () => {
      expect(++running).toBe(1);
      await setImmediate();
      running--;
    };
    await Promise.all([1, 2, 3].map((job) => scheduler.run(job, [batch, batch, batch])));
  });

  it('drops what a cancelled job has not started, and nothing else', async () => {
    const log: string[] = [];
    const scheduler = new BatchScheduler();
    const cancelled = scheduler.run(1, batches(log, 'a', 50));
    const other = scheduler.run(2, batches(log, 'b', 5));
    scheduler.cancel(1);
    await expect(cancelled).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await other;
    expect(log.filter((name) => name.startsWith('a')).length).toBeLessThanOrEqual(1);
    expect(log.filter((name) => name.startsWith('b'))).toHaveLength(5);
    scheduler.cancel(99);
    await scheduler.run(3, batches(log, 'c', 1));
    expect(log.at(-1)).toBe('c0');
  });

  it('rejects a group with its first failure and goes on with the others', async () => {
    const log: string[] = [];
    const scheduler = new BatchScheduler();
    const failing = scheduler.run(1, [
      async () => {
        throw new Error('no');
      },
      ...batches(log, 'never', 1),
    ]);
    const fine = scheduler.run(1, batches(log, 'a', 2));
    await expect(failing).rejects.toThrow('no');
    await fine;
    expect(log).toEqual(['a0', 'a1']);
  });

  it('waits with bulk work for a query that is being prepared', async () => {
    const log: string[] = [];
    const scheduler = new BatchScheduler();
    const bulk = scheduler.run(1, batches(log, 'bulk', 20));
    let tell = () => {};
    const prepared = new Promise<void>((resolve) => {
      tell = resolve;
    });
    scheduler.expect(prepared);
    const query = prepared.then(() => scheduler.run(2, batches(log, 'query', 1), 'interactive'));
    for (let i = 0; i < 20; i++) await setImmediate();
    expect(log.length).toBeLessThanOrEqual(1);
    tell();
    await query;
    expect(log.indexOf('query0')).toBeLessThanOrEqual(1);
    scheduler.expect(Promise.reject(new Error('a text that cannot be tokenised')));
    await bulk;
    expect(log).toHaveLength(21);
  });

  it('cuts bulk batches for a while after a query, in order, and then no more', async () => {
    const log: string[] = [];
    const clock = { now: 0 };
    const scheduler = new BatchScheduler(() => clock.now);
    const whole = (name: string): Batch =>
      Object.assign(async () => void log.push(name), {
        cut: () => ['a', 'b'].map((part) => async () => void log.push(name + part)),
      });
    await scheduler.run(1, [whole('x')]);
    await scheduler.run(2, [whole('query')], 'interactive');
    await scheduler.run(1, [whole('y'), whole('z')]);
    clock.now = 10_000;
    await scheduler.run(1, [whole('last')]);
    expect(log).toEqual(['x', 'query', 'ya', 'yb', 'za', 'zb', 'last']);
  });

  it('resolves at once without batches', async () => {
    await new BatchScheduler().run(1, []);
  });
});
