import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FlatIndex } from 'embedlane';
import { describe, expect, it } from 'vitest';
import { outcome } from '../outcome.js';
import { randomMatrix, temporaryFolder } from './support.js';

const folder = await temporaryFolder();
const DIMS = 64;

/** Runs a program in a folder of its own under a limit of the shell, with a copy of an index of 100 rows. */
async function under(limit: string, name: string, program: string) {
  const place = join(folder, name);
  await mkdir(place);
  const index = new FlatIndex({ dims: DIMS });
  index.add(randomMatrix(100, DIMS, 1));
  await index.save(join(place, 'index'));
  const source = `
    import { EmbedlaneError, FlatIndex } from ${JSON.stringify(import.meta.resolve('embedlane'))};
    const matrix = (rows) => ({ data: new Float32Array(rows * ${DIMS}).fill(1), rows, dims: ${DIMS} });
    /** What became of a promise: undefined, or the code of its error and the system's. */
    const fate = (promise) => promise.then(() => undefined, (error) => {
      if (!(error instanceof EmbedlaneError)) throw error;
      return [error.code, error.cause?.code];
    });
    // Loaded before the limit is reached, as a server would.
    new FlatIndex({ dims: ${DIMS} });
    ${program}`;
  const script = `${limit}; exec "$0" --input-type=module -e "$1"`;
  const child = spawn('bash', ['-c', script, process.execPath, source], {
    cwd: place,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { code, signal, stdout, stderr } = await outcome(child);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return { place, said: JSON.parse(stdout) as unknown };
}

const sizeOf = async (path: string) => {
  const index = await FlatIndex.open(path, { verify: 'full', readOnly: true });
  const { size } = index;
  await index.close();
  return size;
};

// What the system itself does: a write that reaches the limit is cut short, and only the next one fails.
describe.skipIf(process.platform === 'win32')('a limit of the system', () => {
  it('of the length of files stops a log, a compaction and a save, and keeps what was acknowledged', async () => {
    // 512 blocks of 1,024 bytes: not quite 2,048 rows.
    const { place, said } = await under(
      'ulimit -f 512',
      'length',
      `
      const index = await FlatIndex.open('index');
      let flushed = index.size;
      let failure;
      while (failure === undefined) {
        index.add(matrix(150));
        failure = await fate(index.flush());
        if (failure === undefined) flushed = index.size;
      }
      const again = await fate(index.flush());
      const closing = await fate(index.close());
      const other = new FlatIndex({ dims: ${DIMS} });
      other.add(matrix(3_000));
      const saves = [await fate(other.save('other')), await fate(other.save('index'))];
      console.log(JSON.stringify({ flushed, failure, again: again[0], closing: closing[0], saves }));`,
    );
    const { flushed, ...failures } = said as { flushed: number };
    expect(failures).toEqual({
      failure: ['ERR_IO', 'EFBIG'],
      again: 'ERR_IO',
      closing: 'ERR_IO',
      saves: Array(2).fill(['ERR_IO', 'EFBIG']),
    });
    expect(flushed).toBeGreaterThan(100);
    expect(await sizeOf(join(place, 'index'))).toBe(flushed);
    // Without the limit it goes on.
    const index = await FlatIndex.open(join(place, 'index'));
    index.add(randomMatrix(5_000, DIMS, 2));
    await index.close();
    expect(await sizeOf(join(place, 'index'))).toBe(flushed + 5_000);
  });

  it('of open files makes every call work or fail with ERR_IO, and loses nothing', async () => {
    const { place, said } = await under(
      'ulimit -n 256',
      'descriptors',
      `
      const { closeSync, cpSync, openSync } = await import('node:fs');
      const outcomes = [];
      for (let free = 0; free < 10; free++) {
        cpSync('index', 'trial' + free, { recursive: true });
        const taken = [];
        try { for (;;) taken.push(openSync('/dev/null', 'r')); } catch {}
        for (const one of taken.splice(0, free)) closeSync(one);
        const failure = await fate((async () => {
          const index = await FlatIndex.open('trial' + free, { readOnly: false });
          index.add(matrix(1));
          try { await index.flush(); } finally { await index.close(); }
        })());
        for (const one of taken) closeSync(one);
        outcomes.push(failure?.[0] ?? 'worked');
      }
      console.log(JSON.stringify(outcomes));`,
    );
    const outcomes = said as string[];
    expect(new Set(outcomes)).toEqual(new Set(['ERR_IO', 'worked']));
    for (const [free, what] of outcomes.entries()) {
      const size = await sizeOf(join(place, `trial${free}`));
      // A failure of closing may come after the row has been written.
      expect(what === 'worked' ? [101] : [100, 101]).toContain(size);
    }
  });
});
