import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbedlaneError, FlatIndex } from 'embedlane';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { useFiles } from '#dist/index/storage/files.js';
import { LIMITS } from '#dist/index/storage/writer.js';
import { runNode } from '../native/processes.js';
import { Random } from '../native/random.js';
import { CrashRecorder, failing } from './crash-files.js';
import { code, contentsOf, randomMatrix, temporaryFolder } from './support.js';

// Whatever step a change of an index on the disk is interrupted at, opening it again gives the state before or the
// state after, never a third one, and never less than what was acknowledged.

const folder = await temporaryFolder();
const original = join(folder, 'original');
const trial = join(folder, 'trial');
const DIMS = 6;

const state = (index: FlatIndex) => JSON.stringify(contentsOf(index));

beforeAll(async () => {
  const index = new FlatIndex({ dims: DIMS, dtype: 'i8' });
  index.add(randomMatrix(5, DIMS, 1), ['a', 'b', 'c', 4, 5]);
  await index.save(original);
});

async function restore(): Promise<void> {
  await rm(trial, { recursive: true, force: true });
  await cp(original, trial, { recursive: true });
}

let putBack = () => {};
const logBytes = LIMITS.logBytes;
afterEach(() => {
  putBack();
  LIMITS.logBytes = logBytes;
});

/**
 * Changes the index of the trial in every way there is.
 *
 * @param reached is told each state as it is asked for (`acknowledged: false`) and when it is on the disk
 */
async function change(reached: (state: string, acknowledged: boolean) => void): Promise<void> {
  // Checked at once, because a check in the background would meet faults at a moment of its own.
  const index = await FlatIndex.open(trial, { verify: 'full' });
  const acknowledge = async (operation: Promise<void>) => {
    const now = state(index);
    reached(now, false);
    await operation;
    reached(now, true);
  };
  try {
    index.add(randomMatrix(3, DIMS, 2));
    await acknowledge(index.flush());
    index.remove(['b', 4]);
    index.upsert(randomMatrix(2, DIMS, 3), ['a', 'new']);
    await acknowledge(index.flush());
    // Too much for the log, so it becomes a segment.
    index.add(randomMatrix(20, DIMS, 4));
    await acknowledge(index.flush());
    index.remove('c');
    await acknowledge(index.compact());
    index.add(randomMatrix(1, DIMS, 5));
    await acknowledge(index.flush());
    await acknowledge(index.save(trial));
    index.remove(5);
    await acknowledge(index.flush());
  } finally {
    await index.close();
  }
  const other = new FlatIndex({ dims: 2 });
  other.add(randomMatrix(4, 2, 6));
  reached(state(other), false);
  await other.save(trial);
  reached(state(other), true);
}

/** What the states reached allow at some moment: the last acknowledged one, or one asked for since. */
class Legal {
  #states: string[];
  constructor(first: string) {
    this.#states = [first];
  }
  readonly reached = (now: string, acknowledged: boolean) => {
    if (acknowledged) this.#states = [now];
    else this.#states.push(now);
  };
  now(): Set<string> {
    return new Set(this.#states);
  }
}

async function opened(path: string): Promise<string> {
  const index = await FlatIndex.open(path, { verify: 'full' });
  try {
    return state(index);
  } finally {
    await index.close();
  }
}

describe('an interrupted change', () => {
  it('by a loss of power after any operation leaves a state that is legal', async () => {
    await restore();
    LIMITS.logBytes = 1_500;
    const legal = new Legal(await opened(trial));
    const recorder = await CrashRecorder.of(trial);
    const moments: { count: number; states: Set<string> }[] = [];
    putBack = useFiles((disk) => recorder.watch(disk));
    const note = () => moments.push({ count: recorder.operations.length, states: legal.now() });
    note();
    await change((now, acknowledged) => {
      legal.reached(now, acknowledged);
      note();
    });
    putBack();
    expect(recorder.operations.length).toBeGreaterThan(60);
    expect(new Set(recorder.operations.map(({ kind }) => kind)).size).toBeGreaterThan(5);

    const random = new Random(7);
    const after = join(folder, 'after');
    const seen = new Set<string>();
    for (let count = 0; count <= recorder.operations.length; count++) {
      // Between two notes, the state may be that of the earlier note or what it allows.
      const states = moments.filter((moment) => moment.count <= count).at(-1)?.states as Set<string>;
      for (const survives of [() => true, () => false, ...Array(2).fill(() => random.below(2) === 0)]) {
        await recorder.replay(count, survives, after);
        const now = await opened(after);
        expect(states.has(now), `after ${count} operations`).toBe(true);
        seen.add(now);
      }
    }
    expect(seen.size).toBe(8);
  });

  const eio = () =>
    new EmbedlaneError('ERR_IO', 'injected', { cause: Object.assign(new Error('EIO'), { code: 'EIO' }) });

  it.each([false, true])(
    'by a failing operation is an error, and leaves a state that is legal (for good: %s)',
    async (persistent) => {
      LIMITS.logBytes = 1_500;
      let failures = 0;
      for (let at = 0; ; at += persistent ? 3 : 1) {
        await restore();
        const legal = new Legal(await opened(trial));
        const fault = failing(at, persistent, eio);
        putBack = useFiles(fault.watch);
        const error = await change(legal.reached).then(
          () => undefined,
          (cause: unknown) => cause,
        );
        putBack();
        if (!fault.happened()) break;
        // What could only not be tidied up, or was tried again, is no failure.
        if (error !== undefined) {
          expect(error).toEqual(code('ERR_IO'));
          failures++;
        }
        const now = await opened(trial);
        expect(legal.now().has(now), `operation ${at}`).toBe(true);
        // And it can be changed again.
        const index = await FlatIndex.open(trial, { readOnly: false });
        index.remove([...index.ids()][0]);
        await index.close();
      }
      expect(failures).toBeGreaterThan(15);
    },
    60_000,
  );

  it('by a failing sync is the end of writing, but not of the index in memory', async () => {
    await restore();
    // With rows that need no further check: a read that fails is no failed write.
    const index = await FlatIndex.open(trial, { verify: 'full' });
    index.add(randomMatrix(1, DIMS, 8), ['x']);
    await index.flush();
    let failed = false;
    putBack = useFiles((disk) => disk);
    const before = state(index);
    const fault = failing(0, true, eio);
    // The log is open already; only what is opened from here on fails: a new segment, a new manifest.
    putBack = useFiles(fault.watch);
    index.remove('x');
    await index.compact().catch((error) => {
      failed = true;
      expect(error).toEqual(code('ERR_IO'));
    });
    putBack();
    expect(failed).toBe(true);
    index.add(randomMatrix(1, DIMS, 9), ['y']);
    // No second attempt: nobody knows what is on the disk.
    await expect(index.flush()).rejects.toThrow(/earlier write failed/);
    expect([index.has('x'), index.has('y')]).toEqual([false, true]);
    const elsewhere = join(folder, 'elsewhere');
    await index.save(elsewhere);
    expect(await opened(elsewhere)).toBe(state(index));
    await expect(index.close()).rejects.toThrow(code('ERR_IO'));
    expect(await opened(trial)).toBe(before);
  });

  it('by kill -9 leaves a state that is legal', async () => {
    const script = (at: number) => `
      const { FlatIndex } = await import('embedlane');
      const { useFiles } = await import('#dist/index/storage/files.js');
      let count = 0;
      const step = () => { if (count++ === ${at}) process.kill(process.pid, 'SIGKILL'); };
      const stepping = (target) => new Proxy(target, { get: (object, name) => typeof object[name] !== 'function' ? object[name]
        : (...args) => { step(); const result = object[name](...args); return name === 'open' ? result.then(stepping) : result; } });
      useFiles(stepping);
      const row = (x) => ({ data: new Float32Array(${DIMS}).fill(x), rows: 1, dims: ${DIMS} });
      const index = await FlatIndex.open(${JSON.stringify(trial)});
      index.add(row(1), ['one']);
      await index.flush();
      console.log('one');
      index.add(row(2), ['two']);
      await index.compact();
      await index.flush();
      console.log('two');
      await index.close();
      console.log('end');`;
    let ended = false;
    for (let at = 8; !ended; at += 5) {
      await restore();
      const { stdout, signal } = await runNode(script(at));
      ended = stdout.endsWith('end\n');
      expect(signal).toBe(ended ? null : 'SIGKILL');
      const index = await FlatIndex.open(trial, { verify: 'full', readOnly: false });
      if (stdout.includes('one')) expect(index.has('one')).toBe(true);
      if (stdout.includes('two')) expect(index.has('two')).toBe(true);
      expect(index.size).toBe(5 + Number(index.has('one')) + Number(index.has('two')));
      await index.close();
    }
  });
});
