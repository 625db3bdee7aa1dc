import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FfmpegError, type FfmpegTask, runFfmpeg } from '#dist/runtime/ffmpeg.js';
import { running, surroundings } from '../fake-ffmpeg.js';

const { fakeFfmpeg: program, hideFfmpeg, leftovers, path } = surroundings();

async function run(source: string | Uint8Array, task: Partial<FfmpegTask> = {}): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of runFfmpeg(source, { after: [], ...task })) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe.skipIf(process.platform === 'win32')('runFfmpeg', () => {
  it('gives the path as one argument that is no option', async () => {
    program('printf "%s|" "$@"');
    const name = '/tmp/a "b" $(id); -y';
    const args = (await run(name, { before: ['-ss', '1'], after: ['-f', 'wav'] })).split('|');
    expect(args.slice(-8)).toEqual(['-ss', '1', '-i', `file:${name}`, '-f', 'wav', 'pipe:1', '']);
  });

  it('gives bytes as a file that can be read anywhere and has no name', async () => {
    program('ls $TMPDIR >&2; cat /dev/fd/3; tail -c 3 /dev/fd/3');
    const lines: string[] = [];
    const bytes = new Uint8Array(3_000_001).fill(65);
    bytes.set([66, 67, 68], bytes.length - 3);
    const text = await run(bytes, { onLine: (line) => lines.push(line) });
    expect(text.length).toBe(bytes.length + 3);
    expect(text.slice(-6)).toBe('BCDBCD');
    expect(lines.filter((line) => line.includes('embedlane'))).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  describe('that says nothing', () => {
    // Its patience is a timer: seconds pass when a test says so, and however long the machine takes.
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    });
    afterEach(() => {
      vi.useRealTimers();
    });

    it('is ended', async () => {
      const sleep = `sleep 603.${process.pid}`;
      program(`echo "frame= 1" >&2; exec ${sleep}`);
      const outcome = run('x', { patience: 4000, onLine: () => vi.advanceTimersByTime(3999) });
      const ended = expect(outcome).rejects.toMatchObject({ reason: 'hung', message: /4 s/ });
      await expect.poll(() => running(sleep)).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(4000);
      await ended;
      expect(running(sleep)).toEqual([]);
    });

    it('is not, while nobody waits for it', async () => {
      program('printf a; sleep 0.2; printf b');
      let text = '';
      for await (const piece of runFfmpeg('x', { after: [], patience: 4000 })) {
        text += Buffer.from(piece).toString();
        if (text === 'a') await vi.advanceTimersByTimeAsync(4500);
      }
      expect(text).toBe('ab');
    });

    it('is not, if it does have words', async () => {
      const go = path('go');
      program(`for i in 1 2 3 4; do while [ ! -e ${go}$i ]; do sleep 0.02; done; echo "frame= $i" >&2; done`);
      writeFileSync(`${go}1`, '');
      const seen: string[] = [];
      await run('x', {
        patience: 4000,
        onLine(line) {
          seen.push(line);
          vi.advanceTimersByTime(3000);
          writeFileSync(`${go}${seen.length + 1}`, '');
        },
      });
      expect(seen).toHaveLength(4);
    });
  });

  it('says why nothing came', async () => {
    program('echo "[error] first" >&2; echo "[info] chatter" >&2; echo "[fatal] last" >&2; exit 1');
    await expect(run('x')).rejects.toMatchObject({ reason: 'failed', message: 'its words: [fatal] last' });
    program('echo "Stream map matches no streams." >&2; exit 1');
    await expect(run('x')).rejects.toMatchObject({ reason: 'no stream' });
    program('exit 7');
    await expect(run('x')).rejects.toMatchObject({ reason: 'failed', message: 'exit code 7' });
    hideFfmpeg();
    await expect(run('x')).rejects.toBeInstanceOf(FfmpegError);
    await expect(run(new Uint8Array(9))).rejects.toMatchObject({ reason: 'missing' });
    expect(leftovers()).toEqual([]);
  });

  it('is not started for a call that was aborted before', async () => {
    program('printf x');
    await expect(run('x', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });
});
