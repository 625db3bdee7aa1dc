import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AudioEmbedder } from 'embedlane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODEL } from './support.js';
import { silence } from './wav.js';

const RATE = 16_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bytes of memory that this process's children hold. */
function childrenMemory(): number {
  const lines = execFileSync('ps', ['-eo', 'ppid=,pid=,args='], { encoding: 'utf8' }).split('\n');
  const own = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([parent]) => Number(parent) === process.pid);
  const sizes = own.map(([, pid]) => {
    try {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  });
  return Math.max(0, ...sizes);
}

describe.skipIf(process.platform !== 'linux')('long sounds', () => {
  it('are decoded and cut in bounded memory: an hour', async () => {
    const path = join(folder, 'hour.wav');
    await silence(path, 3600);
    const dist = (file: string) => JSON.stringify(new URL(`../../dist/audio/${file}`, import.meta.url).href);
    const program = `
      const { openAudio } = await import(${dist('decode/open.js')});
      const { audioWindows } = await import(${dist('windows.js')});
      const options = { sampleRate: 16000, size: 480000, overlap: 0, most: Infinity };
      const { maxRSS } = process.resourceUsage();
      let end;
      for await (const window of audioWindows(openAudio(${JSON.stringify(path)}), options)) ({ end } = window);
      console.log(end, process.resourceUsage().maxRSS - maxRSS);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
    const [end, kilobytes] = stdout.split(' ').map(Number);
    expect(end).toBe(3600);
    expect(kilobytes).toBeLessThan(150_000);
  });

  it('are embedded in bounded memory', async () => {
    const seconds = 600;
    const path = join(folder, 'long.wav');
    await silence(path, seconds);
    await using model = await AudioEmbedder.load(MODEL);
    await model.encode({ samples: new Float32Array(30 * RATE), sampleRate: RATE });
    const before = childrenMemory();
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, childrenMemory());
    }, 100);
    try {
      const [{ times, embeddings }] = await model.encodeWindows(path);
      expect(times).toHaveLength(seconds / 30);
      expect(times.at(-1)).toEqual({ start: seconds - 30, end: seconds });
      // Every window is the same silence: the last is not worse than the first.
      expect(embeddings.row(19)).toEqual(embeddings.row(0));
    } finally {
      clearInterval(timer);
    }
    expect(before).toBeGreaterThan(0);
    expect(most - before).toBeLessThan(150e6);
  });
});
