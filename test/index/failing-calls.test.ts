import { spawnSync } from 'node:child_process';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FlatIndex } from 'embedlane';
import { beforeAll, describe, expect, it } from 'vitest';
import { runNode } from '../native/processes.js';
import { randomMatrix, temporaryFolder } from './support.js';

// The system's calls themselves fail, those of Node as well as those of the addon, so that nothing of ours is in between.

const folder = await temporaryFolder();
const shim = join(folder, 'failing-calls.so');
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const flags = ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-o', shim];
const compiled =
  process.platform === 'linux' &&
  spawnSync('cc', [...flags, here('failing-calls.c'), '-ldl'], { stdio: 'inherit' }).status === 0;
if (!compiled) console.warn('!! NOT TESTED: failing calls of the system, for which Linux and cc are needed');

interface Planned {
  calls: string[];
  /** null: half of the bytes are transferred */
  error: string | null;
  /** each of them alone; all from one on; every other one */
  times: 'once' | 'lasting' | 'alternating';
  /** 2: of every second one */
  step?: number;
}

interface Run {
  came: boolean;
  error: { name: string; code: string; message: string } | null;
  legal: string[];
  now: { trial: string; other: string };
  after: string;
  files: number;
}

const original = join(folder, 'original');

beforeAll(async () => {
  const index = new FlatIndex({ dims: 2 });
  index.add(randomMatrix(2, 2, 1), ['a', 'b']);
  await index.save(original);
  // What a crash has left behind the last batch, which is cut off.
  const log = (await readdir(original)).find((name) => name.endsWith('.log')) as string;
  await appendFile(join(original, log), 'torn');
});

async function outcomes(name: string, cases: Planned[]): Promise<{ planned: Planned; runs: Run[] }[]> {
  const plan = join(folder, `${name}.plan`);
  await writeFile(plan, new Uint8Array(64));
  const program = here('failing-calls-child.mjs');
  const args = JSON.stringify([process.execPath, program, folder, plan, JSON.stringify(cases)]);
  const { code, stdout, stderr } = await runNode(
    `process.argv = ${args}; await import(${JSON.stringify(program)});`,
    {
      LD_PRELOAD: shim,
      FAILING_CALLS_PLAN: plan,
      FAILING_CALLS_IN: join(folder, 'trial'),
    },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as { planned: Planned; runs: Run[] }[];
}

const COMPLETE = { trial: 'b,new,last', other: 'x' };

describe.skipIf(!compiled)('a call of the system', () => {
  it('that a signal interrupts, or that transfers half of the bytes, is made again', async () => {
    const interrupted = ['openRead', 'openWrite', 'read', 'write', 'sync', 'rename', 'truncate', 'lock'];
    const cases: Planned[] = [
      ...[...interrupted, 'makeFolder', 'remove'].map((call) => ({ calls: [call], error: 'EINTR' })),
      ...['read', 'write'].map((call) => ({ calls: [call], error: null })),
    ].map((planned) => ({ ...planned, times: 'alternating' }));
    for (const { planned, runs } of await outcomes('again', cases)) {
      for (const { came, error, now } of runs) {
        expect({ planned, came, error, now }).toEqual({ planned, came: true, error: null, now: COMPLETE });
      }
    }
  });

  it('that fails is an ERR_IO that names the place, and leaves the state before or after', async () => {
    const writes = ['openWrite', 'rename', 'truncate', 'makeFolder', 'remove'];
    const cases: Planned[] = [
      { calls: ['openRead'], error: 'EACCES', times: 'once', step: 3 },
      { calls: ['openWrite'], error: 'EACCES', times: 'once' },
      { calls: ['openRead', 'openWrite'], error: 'EACCES', times: 'lasting', step: 3 },
      { calls: writes, error: 'EROFS', times: 'lasting' },
      { calls: ['read'], error: 'EIO', times: 'once', step: 3 },
      { calls: ['write'], error: 'ENOSPC', times: 'once' },
      { calls: ['write', 'openWrite', 'makeFolder'], error: 'ENOSPC', times: 'lasting' },
      { calls: ['sync'], error: 'EIO', times: 'once' },
      { calls: ['rename'], error: 'EACCES', times: 'once' },
      { calls: ['lock'], error: 'ENOLCK', times: 'once' },
      { calls: ['map'], error: 'ENOMEM', times: 'once' },
      { calls: ['makeFolder'], error: 'EACCES', times: 'once' },
      { calls: ['list'], error: 'EACCES', times: 'once' },
    ];
    for (const { planned, runs } of await outcomes('fails', cases)) {
      const failed = runs.filter(({ error }) => error !== null);
      expect(failed.length, JSON.stringify(planned)).toBeGreaterThan(0);
      for (const { error, legal, now, after, files } of runs) {
        const about = JSON.stringify({ planned, error, legal, now });
        if (error === null) {
          // What could only not be tidied up.
          expect(now, about).toEqual(COMPLETE);
        } else {
          expect(error, about).toMatchObject({ name: 'EmbedlaneError', code: 'ERR_IO' });
          expect(error.message, about).toContain(join(folder, 'trial'));
          expect(legal, about).toContain(now.trial);
          // An index that was being made is there or not.
          expect(['ERR_IO', 'x'], about).toContain(now.other);
        }
        expect(after, about).toBe(`${now.trial},after`);
        // Nothing half-written stays: the manifest, a segment, a log and the lock.
        expect(files, about).toBe(4);
      }
      // The last run is the one in which nothing was left to fail.
      expect(runs.at(-1)?.error, JSON.stringify(planned)).toBe(null);
    }
  });
});
