import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleFrames } from '#dist/video/frames/sampling.js';
import { hasFfmpeg, makeFilm } from './support.js';

const pattern = (rate: number, seconds: number) => [
  '-f',
  'lavfi',
  '-i',
  `testsrc2=s=48x32:r=${rate}:d=${seconds}`,
];
const SOUND = ['-f', 'lavfi', '-i', 'sine=d=97'];

/** Containers that know no times of some frames, or no places of times; by suffix, what makes a film of each. */
const FILMS: Record<string, string[]> = {
  'program-stream.mpg': [...pattern(25, 2), '-c:v', 'mpeg2video', '-bf', '2'],
  'b-frames.avi': [...pattern(25, 2), '-c:v', 'mpeg4', '-bf', '2'],
  'long-b-frames.avi': [...pattern(5, 100), '-c:v', 'mpeg4', '-bf', '2'],
  'few-key-frames.ts': [...pattern(5, 100), '-c:v', 'mpeg2video', '-g', '150', '-sc_threshold', '1000000000'],
  'sound-first.ts': [
    ...[...SOUND, '-itsoffset', '3', ...pattern(5, 97), '-map', '0', '-map', '1'],
    ...['-c:v', 'mpeg2video', '-g', '10', '-c:a', 'mp2'],
  ],
  'long.mkv': [...pattern(5, 100), '-c:v', 'mpeg4', '-bf', '2', '-g', '50'],
};

describe.runIf(hasFfmpeg)('frames spread evenly over a film', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'embedlane-sampling-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(Object.entries(FILMS))('are those of all that ffmpeg decodes: %s', async (name, args) => {
    const film = makeFilm(join(folder, name), ...args);
    const all = ['-map', '0:V:0', '-fps_mode', 'passthrough', '-pix_fmt', 'rgb24', '-f', 'framemd5', '-'];
    const lines = execFileSync('ffmpeg', ['-v', 'error', '-i', film, ...all], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    const hashes = lines.map((line) => line.split(',')[5].trim());
    for (const count of [3, 7]) {
      const wanted = Array.from(
        { length: count },
        (_, i) => hashes[Math.floor(((2 * i + 1) * hashes.length) / (2 * count))],
      );
      const found: string[] = [];
      for await (const { frame, times } of sampleFrames(film, { count }, {})) {
        const hash = createHash('md5').update(frame.data).digest('hex');
        found.push(...Array.from({ length: times }, () => hash));
      }
      expect(found).toEqual(wanted);
    }
  });
});
