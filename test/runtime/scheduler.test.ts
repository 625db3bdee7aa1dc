import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BatchScheduler } from '#dist/runtime/scheduler.js';

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

  it('resolves at once without batches', async () => {
    await new BatchScheduler().run(1, []);
  });
});
