import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { BatchScheduler } from '#dist/runtime/scheduler.js';
import type { EmbedRows } from '#dist/text/lane/protocol.js';
import { SharedRuns, type SharedTexts } from '#dist/text/lane/shared-runs.js';

/** A model that the test lets go on: the vector of a sequence is its length and its first id. */
class Model {
  /** Lengths of the sequences of each run. */
  readonly runs: number[][] = [];
  /** A run with this id fails. */
  poison: number | undefined;
  #release: () => void = () => {};
  /** Whether runs wait for {@link step}. */
  held = false;

  readonly run: SharedTexts['run'] = async (sequences) => {
    this.runs.push(sequences.map(({ ids }) => ids.length));
    if (this.held) {
      await new Promise<void>((resolve) => {
        this.#release = resolve;
      });
    }
    if (sequences.some(({ ids }) => ids[0] === this.poison)) throw new Error('poison');
    return { data: Float32Array.from(sequences.flatMap(({ ids }) => [ids.length, ids[0]])) };
  };

  async step(): Promise<void> {
    this.#release();
    for (let i = 0; i < 4; i++) await turn();
  }
}

let model: Model;
let scheduler: BatchScheduler;
let shared: SharedRuns;
beforeEach(() => {
  model = new Model();
  scheduler = new BatchScheduler();
  shared = new SharedRuns(scheduler, 100, 30);
});

let nextJob = 0;

/** Embeds sequences of these lengths, whose ids are all `id`. */
function embed(lengths: number[], { id = 1, ...more }: Partial<SharedTexts> & { id?: number } = {}) {
  const reports: EmbedRows[] = [];
  const done = shared.embed({
    job: nextJob++,
    priority: 'interactive',
    kind: 'a',
    sequences: lengths.map((length) => ({ ids: new Int32Array(length).fill(id), typeIds: undefined })),
    indices: [...lengths.keys()],
    skipped: new Set(),
    run: model.run,
    vectors: () => 1,
    report: (rows) => reports.push(rows),
    ...more,
  });
  /** Vector of each row. */
  const rows = () => {
    const all: number[][] = [];
    for (const { rows, data } of reports)
      rows.forEach((row, i) => {
        all[row] = [...data.subarray(2 * i, 2 * i + 2)];
      });
    return all;
  };
  return { done, reports, rows };
}

describe('SharedRuns', () => {
  it('runs texts of several calls together, and gives each call its own rows', async () => {
    const calls = [embed([5, 7], { id: 1 }), embed([6], { id: 2 }), embed([7, 5, 6], { id: 3 })];
    await Promise.all(calls.map(({ done }) => done));
    expect(model.runs).toEqual([[7, 7, 6, 6, 5, 5]]);
    expect(calls.map(({ rows }) => rows())).toEqual([
      [
        [5, 1],
        [7, 1],
      ],
      [[6, 2]],
      [
        [7, 3],
        [5, 3],
        [6, 3],
      ],
    ]);
    const reports = calls.flatMap(({ reports: own }) => own);
    expect(reports.map(({ runs }) => runs)).toEqual([1, 0, 0]);
    expect(reports.map(({ tokens }) => tokens)).toEqual([14, 7, 21]);
    expect([...calls[2].reports[0].lengths]).toEqual([7, 6, 5]);
  });

  it('cuts what several texts have of a vector for each token', async () => {
    const run: SharedTexts['run'] = async (sequences) => ({
      data: Float32Array.from(sequences.flatMap(({ ids }) => [...ids].flatMap((id) => [id, id]))),
    });
    const vectors: SharedTexts['vectors'] = ({ ids }) => ids.length;
    const calls = [embed([2], { id: 1, run, vectors }), embed([3, 1], { id: 2, run, vectors })];
    await Promise.all(calls.map(({ done }) => done));
    expect([...calls[0].reports[0].data]).toEqual([1, 1, 1, 1]);
    expect(calls[1].reports.flatMap(({ rows, data }) => [...rows, ...data])).toEqual([
      0,
      1,
      ...Array(8).fill(2),
    ]);
  });

  it('forms a run of all that has come until it starts, with the oldest text in it', async () => {
    model.held = true;
    const first = embed([40]);
    await model.step();
    const later = [embed([10]), embed([90]), embed([11]), embed([88]), embed([9])];
    await model.step();
    expect(model.runs).toEqual([[40], [11, 10, 9]]);
    for (let i = 0; i < 3; i++) await model.step();
    await Promise.all([first, ...later].map(({ done }) => done));
    expect(model.runs.slice(2)).toEqual([[90], [88]]);
  });

  it('tells a call of each of its runs as it ends', async () => {
    model.held = true;
    const call = embed([90, 5]);
    await model.step();
    await model.step();
    expect(call.rows()).toEqual([[90, 1]]);
    await model.step();
    await call.done;
    expect(call.rows()).toEqual([
      [90, 1],
      [5, 1],
    ]);
  });

  it('keeps kinds and priorities apart', async () => {
    const calls = [embed([3]), embed([3], { kind: 'b' }), embed([3], { priority: 'bulk' })];
    await Promise.all(calls.map(({ done }) => done));
    expect(model.runs).toEqual([[3], [3], [3]]);
  });

  it('rejects every call that has a text in a run that fails, and runs none of the others’ texts for nothing', async () => {
    model.poison = 13;
    const calls = [embed([5, 80], { id: 1 }), embed([5], { id: 13 }), embed([81], { id: 2 })];
    const results = await Promise.allSettled(calls.map(({ done }) => done));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(model.runs).toEqual([[5, 5], [81]]);
  });

  it('drops the waiting texts of a job that is cancelled', async () => {
    model.held = true;
    const running = embed([5], { job: 1000 });
    await model.step();
    const dropped = embed([5], { job: 1001 });
    const kept = embed([6], { job: 1002 });
    shared.cancel(1001);
    await expect(dropped.done).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await model.step();
    await model.step();
    await Promise.all([running.done, kept.done]);
    expect(model.runs).toEqual([[5], [6]]);
    // Also the only one that waits.
    const alone = embed([5], { job: 1003 });
    shared.cancel(1003);
    await expect(alone.done).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await model.step();
    expect(model.runs).toHaveLength(2);
  });

  it('leaves out rows that are not wanted any more', async () => {
    const call = embed([5, 6, 7], { skipped: new Set([1]) });
    await call.done;
    expect(model.runs).toEqual([[7, 5]]);
    const nothing = embed([5], { skipped: new Set([0]) });
    await nothing.done;
    expect(model.runs).toHaveLength(1);
    await embed([]).done;
  });

  it('makes smaller runs of bulk texts while queries come', async () => {
    scheduler.expect(Promise.resolve());
    const call = embed(Array(10).fill(10), { priority: 'bulk' });
    await call.done;
    expect(model.runs.map(({ length }) => length)).toEqual([3, 3, 3, 1]);
  });

  it('takes turns with other jobs', async () => {
    const order: string[] = [];
    const run: SharedTexts['run'] = (sequences) => {
      order.push('shared');
      return model.run(sequences);
    };
    const batches = Array.from({ length: 3 }, () => async () => void order.push('other'));
    const call = embed([90, 91, 92], { run });
    await Promise.all([call.done, scheduler.run(5000, batches, 'interactive')]);
    expect(order).toEqual(['shared', 'other', 'shared', 'other', 'shared', 'other']);
  });
});
