import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FfmpegError, type FfmpegTask, runFfmpeg } from '#dist/runtime/ffmpeg.js';
import { surroundings } from '../fake-ffmpeg.js';

const { fakeFfmpeg: program, hideFfmpeg, leftovers } = surroundings();

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

  it('does not take a slow consumer for a program that hangs', async () => {
    program('printf a; sleep 0.2; printf b');
    let text = '';
    for await (const piece of runFfmpeg('x', { after: [], patience: 4000 })) {
      text += Buffer.from(piece).toString();
      if (text === 'a') await sleep(4500);
    }
    expect(text).toBe('ab');
  });

  it('takes words for a sign of life', async () => {
    program('for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; echo "frame= $i" >&2; done; printf done');
    expect(await run('x', { patience: 4000 })).toBe('done');
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
