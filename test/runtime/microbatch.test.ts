import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { EmbedlaneError } from '#dist/core/errors.js';
import { MicroBatcher, type SharedRun, type Submission } from '#dist/runtime/index.js';

interface Started extends Pick<SharedRun<string>, 'priority' | 'signal' | 'costLeft'> {
  group: string;
  texts: string[];
  /** Gives results of the texts at these places, and ends the run if these were the last. */
  settle(...places: number[]): void;
  finish(): void;
  fail(error: Error): void;
}

/** A batcher whose runs end when the test says so, and the runs that it has started. */
function create(options = {}) {
  const runs: Started[] = [];
  const batcher = new MicroBatcher<string>(
    (group, texts, { settle: settleOne, ...run }) =>
      new Promise((resolve, reject) => {
        const left = new Set(texts.keys());
        const settle = (...places: number[]) => {
          for (const place of places) {
            settleOne(place, `${group}:${texts[place]}`);
            left.delete(place);
          }
          if (left.size === 0) resolve();
        };
        runs.push({ group, texts, ...run, settle, finish: () => settle(...left), fail: reject });
      }),
    { budget: 10, maxQueue: 100, lanes: () => 1, onWait: () => () => {}, ...options },
  );
  return { batcher, runs };
}

const text = (name: string, more: Partial<Submission> = {}): Submission => ({
  ...{ text: name, cost: 1, priority: 'interactive', ...more },
});

/** Lets the batcher's own turn of the loop pass. */
const turn = () => delay(5);

describe('MicroBatcher', () => {
  it('starts at once when idle, and puts together what comes in one turn', async () => {
    const { batcher, runs } = create();
    const calls = ['a', 'b', 'c'].map((name) => batcher.submit('g', [text(name)]));
    await turn();
    expect(runs.map(({ texts }) => texts)).toEqual([['a', 'b', 'c']]);
    runs[0].finish();
    expect(await Promise.all(calls)).toEqual([['g:a'], ['g:b'], ['g:c']]);
  });

  it('sends one run ahead, and then collects until there are results', async () => {
    const { batcher, runs } = create();
    for (const name of ['first', 'second']) {
      void batcher.submit('g', [text(name)]);
      await turn();
    }
    const names = Array.from({ length: 14 }, (_, i) => `w${i}`);
    const waiting = names.map((name) => batcher.submit('g', [text(name)]));
    await turn();
    expect(runs.map(({ texts }) => texts)).toEqual([['first'], ['second']]);
    expect([batcher.waiting, batcher.running]).toEqual([14, 2]);
    runs[0].finish();
    await turn();
    expect(runs.slice(2).map(({ texts }) => texts)).toEqual([names.slice(0, 10), names.slice(10)]);
    for (const run of runs) run.finish();
    expect((await Promise.all(waiting)).flat()).toEqual(names.map((name) => `g:${name}`));
    expect([batcher.waiting, batcher.running]).toEqual([0, 0]);
  });

  it('gives results as they come, and sends more to where they come from', async () => {
    const { batcher, runs } = create();
    const calls = Array.from({ length: 8 }, (_, i) => batcher.submit('g', [text(`t${i}`)]));
    await turn();
    void batcher.submit('g', [text('u')]);
    await turn();
    const later = ['x', 'y', 'z'].map((name) => batcher.submit('g', [text(name)]));
    await turn();
    expect(runs.map(({ texts }) => texts.length)).toEqual([8, 1]);
    runs[0].settle(3, 7);
    expect(await Promise.all([calls[3], calls[7]])).toEqual([['g:t3'], ['g:t7']]);
    expect([runs[0].costLeft(), batcher.running]).toEqual([6, 7]);
    await turn();
    expect(runs[2].texts).toEqual(['x', 'y', 'z']);
    for (const run of runs) run.finish();
    expect(await Promise.all(later)).toEqual([['g:x'], ['g:y'], ['g:z']]);
  });

  it('does not send a little to lanes that have enough, and has no more than two budgets in each', async () => {
    const { batcher, runs } = create();
    const submit = (count: number, prefix: string) => {
      for (let i = 0; i < count; i++) void batcher.submit('g', [text(`${prefix}${i}`)]);
    };
    submit(10, 'a');
    await turn();
    submit(10, 'b');
    await turn();
    submit(2, 'c');
    runs[0].settle(0, 1, 2, 3);
    await turn();
    expect(runs).toHaveLength(2);
    submit(20, 'd');
    runs[0].settle(4);
    await turn();
    expect(runs.slice(2).map(({ texts }) => texts.length)).toEqual([10]);
    runs[1].settle(0);
    await turn();
    expect(batcher.running).toBeGreaterThanOrEqual(20);
    expect(runs).toHaveLength(3);
    for (let i = 0; i < runs.length; i++) {
      runs[i].finish();
      await turn();
    }
    expect([batcher.waiting, batcher.running]).toEqual([0, 0]);
  });

  it('shares what comes at once among the lanes', async () => {
    const { batcher, runs } = create({ lanes: () => 3 });
    const calls = Array.from({ length: 9 }, (_, i) => batcher.submit('g', [text(`t${i}`)]));
    await turn();
    expect(runs.map(({ texts }) => texts.length)).toEqual([3, 3, 3]);
    for (const run of runs) run.finish();
    await Promise.all(calls);
  });

  it('keeps groups apart, and runs what is over the budget alone', async () => {
    const { batcher, runs } = create();
    void batcher.submit('g', [text('a'), text('big', { cost: 11 })]);
    void batcher.submit('h', [text('b')]);
    void batcher.submit('g', [text('c')]);
    for (let i = 0; i < 4; i++) {
      await turn();
      for (const run of runs) run.finish();
    }
    expect(runs.map(({ group, texts }) => [group, ...texts])).toEqual([
      ['g', 'a'],
      ['g', 'big'],
      ['h', 'b'],
      ['g', 'c'],
    ]);
  });

  it('computes identical texts in flight once', async () => {
    const { batcher, runs } = create();
    const calls = [batcher.submit('g', [text('a'), text('a')]), batcher.submit('g', [text('a')])];
    await turn();
    calls.push(batcher.submit('g', [text('a')]));
    const other = batcher.submit('h', [text('a')]);
    await turn();
    expect(runs.map(({ texts }) => texts)).toEqual([['a'], ['a']]);
    for (const run of runs) run.finish();
    expect(await Promise.all(calls)).toEqual([['g:a', 'g:a'], ['g:a'], ['g:a']]);
    expect(await other).toEqual(['h:a']);
    expect(batcher.shared).toBe(3);
    void batcher.submit('g', [text('a')]);
    await turn();
    expect(runs).toHaveLength(3);
  });

  it('lets interactive texts go first, but bulk ones not wait for ever', async () => {
    const { batcher, runs } = create({ budget: 1 });
    void batcher.submit('g', [text('x'), text('y')]);
    void batcher.submit('g', [text('bulk', { priority: 'bulk' })]);
    for (let i = 0; i < 30; i++) void batcher.submit('g', [text(`i${i}`)]);
    for (let i = 0; i < 20; i++) {
      await turn();
      runs.at(-1)?.finish();
      runs.at(-2)?.finish();
    }
    const order = runs.map(({ texts }) => texts[0]);
    const place = order.indexOf('bulk');
    expect(place).toBeGreaterThan(4);
    expect(place).toBeLessThan(12);
    expect(runs[place].priority).toBe('bulk');
  });

  it('hurries a bulk text that someone urgent wants too', async () => {
    const { batcher, runs } = create({ budget: 1 });
    void batcher.submit('g', [text('x'), text('y')]);
    await turn();
    void batcher.submit('g', [text('other', { priority: 'bulk' }), text('a', { priority: 'bulk' })]);
    void batcher.submit('g', [text('a')]);
    runs[0].finish();
    await turn();
    expect(runs[2].texts).toEqual(['a']);
  });

  it('counts a text that a call has several times once, as it is computed', async () => {
    const { batcher, runs } = create({ maxQueue: 2 });
    const call = batcher.submit(
      'g',
      ['a', 'b', 'a', 'a'].map((name) => text(name)),
    );
    await turn();
    expect(runs.map(({ texts }) => texts)).toEqual([['a', 'b']]);
    runs[0].finish();
    expect(await call).toEqual(['g:a', 'g:b', 'g:a', 'g:a']);
  });

  it('refuses what does not fit in the queue, and queues nothing of it', async () => {
    const { batcher, runs } = create({ budget: 1, maxQueue: 3 });
    void batcher.submit('g', [text('x'), text('y')]);
    await turn();
    void batcher.submit('g', [text('a'), text('b')]);
    expect(() => batcher.submit('g', [text('c'), text('d')])).toThrowError(
      expect.objectContaining({ code: 'ERR_OVERLOADED' }),
    );
    expect(batcher.waiting).toBe(2);
    // Texts that are computed anyway take no room.
    void batcher.submit('g', [text('c'), text('a'), text('x')]);
    expect(batcher.waiting).toBe(3);
    expect(runs).toHaveLength(2);
  });

  it('drops a waiting text whose caller aborts, and keeps it while another wants it', async () => {
    const { batcher, runs } = create({ budget: 1 });
    void batcher.submit('g', [text('x'), text('y')]);
    await turn();
    const stop = new AbortController();
    const dropped = batcher.submit('g', [text('a')], stop.signal);
    const kept = batcher.submit('g', [text('b')], stop.signal);
    const other = batcher.submit('g', [text('b')]);
    stop.abort();
    await expect(dropped).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await expect(kept).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(batcher.waiting).toBe(1);
    runs[0].finish();
    await turn();
    expect(runs[2].texts).toEqual(['b']);
    runs[2].finish();
    expect(await other).toEqual(['g:b']);
  });

  it('stops a run when nobody wants any of it', async () => {
    const { batcher, runs } = create();
    const stops = [new AbortController(), new AbortController()];
    const calls = stops.map(({ signal }, i) => batcher.submit('g', [text(`t${i}`)], signal));
    await turn();
    stops[0].abort();
    await expect(calls[0]).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(runs[0].signal.aborted).toBe(false);
    const again = batcher.submit('g', [text('t0')]);
    stops[1].abort();
    await expect(calls[1]).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(runs[0].signal.aborted).toBe(true);
    runs[0].fail(new Error('stopped'));
    await turn();
    runs[1].finish();
    expect(await again).toEqual(['g:t0']);
  });

  it('does not let an urgent text wait until bulk runs have results', async () => {
    const { batcher, runs } = create({ budget: 1 });
    for (const name of ['a', 'b', 'c']) void batcher.submit('g', [text(name, { priority: 'bulk' })]);
    await turn();
    void batcher.submit('g', [text('urgent')]);
    await turn();
    expect(runs.map(({ texts }) => texts[0])).toEqual(['a', 'b', 'urgent']);
    expect(runs[2].priority).toBe('interactive');
  });

  it('repeats the texts of a failed run one by one, with nothing else running, so that a bad one harms nobody else', async () => {
    const { batcher, runs } = create();
    const calls = ['a', 'bad', 'c'].map((name) => batcher.submit('g', [text(name)]));
    await turn();
    // Shares a lane with the bad one, and fails with it.
    calls.push(batcher.submit('g', [text('beside')]));
    await turn();
    const settled = Promise.allSettled(calls);
    runs[0].settle(0);
    runs[0].fail(new Error('poison'));
    await turn();
    calls.push(batcher.submit('g', [text('later')]));
    await turn();
    // Not before all that ran with it has ended.
    expect([runs.length, batcher.waiting]).toEqual([2, 3]);
    runs[1].fail(new Error('poison'));
    for (const name of ['bad', 'c', 'beside', 'later']) {
      await turn();
      await turn();
      const run = runs.at(-1) as Started;
      expect(run.texts).toEqual([name]);
      if (name === 'bad') run.fail(new Error('poison'));
      else run.finish();
    }
    const states = ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'];
    expect((await settled).map(({ status }) => status)).toEqual(states);
    expect(await calls[4]).toEqual(['g:later']);
    expect([batcher.waiting, batcher.running]).toEqual([0, 0]);
  });

  it('rejects a text that fails alone at once', async () => {
    const { batcher, runs } = create();
    const call = batcher.submit('g', [text('bad')]);
    await turn();
    runs[0].fail(new Error('poison'));
    await expect(call).rejects.toThrow('poison');
    await turn();
    expect([runs.length, batcher.waiting, batcher.running]).toEqual([1, 0, 0]);
  });

  it('tells when texts wait for a lane, and when none does any more', async () => {
    const told: string[] = [];
    const onWait = () => {
      told.push('wait');
      return () => told.push('over');
    };
    const { batcher, runs } = create({ onWait });
    void batcher.submit('g', [text('a')]);
    await turn();
    expect(told).toEqual([]);
    void batcher.submit('g', [text('b')]);
    await turn();
    expect(told).toEqual(['wait']);
    runs[0].finish();
    await turn();
    expect(told).toEqual(['wait', 'over']);
    runs[1].finish();
  });

  it('rejects everything when closed', async () => {
    const { batcher, runs } = create({ budget: 1 });
    const calls = ['a', 'b', 'c'].map((name) => batcher.submit('g', [text(name)]));
    const settled = Promise.allSettled(calls);
    await turn();
    batcher.close(new EmbedlaneError('ERR_CLOSED', 'closed'));
    expect((await settled).map((result) => (result as PromiseRejectedResult).reason.code)).toEqual(
      Array(3).fill('ERR_CLOSED'),
    );
    for (const run of runs) {
      expect(run.signal.aborted).toBe(true);
      run.fail(new Error('stopped'));
    }
    await turn();
    expect(batcher.waiting + batcher.running).toBe(0);
  });
});
