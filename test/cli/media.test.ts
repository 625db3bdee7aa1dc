import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { timestamp } from '#dist/cli/output/format.js';
import { sound } from '../audio/support.js';
import { fixture } from '../text/goldens.js';
import { film, hasFfmpeg } from '../video/support.js';
import { cli, jsonLines, temporaryFolder } from './support.js';

const TINY_CLAP = fixture('models/tiny-clap');
const TINY_WHISPER = fixture('models/tiny-whisper');
const TINY_CLIP = fixture('models/tiny-clip');
const folder = await temporaryFolder();
const sounds = join(folder, 'sounds');
const films = join(folder, 'films');
await mkdir(join(sounds, 'more'), { recursive: true });
await mkdir(films);
await cp(sound('speech_35s_16k.flac'), join(sounds, 'talk #1.flac'));
await cp(sound('tone_1s_16k_s16.wav'), join(sounds, 'more/tone.WAV'));
await writeFile(join(sounds, 'broken.mp3'), '<html>404</html>');
await writeFile(join(sounds, 'notes.txt'), 'two sounds');
await cp(film('clip_h264_aac.mp4'), join(films, 'clip.mp4'));
await cp(film('short_vp9.webm'), join(films, 'short.webm'));

interface Answer {
  question: string;
  hits: { rank: number; score: number; file: string; start: number; end?: number }[];
}

describe('embedlane index and search on sounds', () => {
  const index = join(folder, 'sounds-index');

  it('indexes windows, leaves out what cannot be read, and finds them by words and by sound', async () => {
    const made = await cli(['index', sounds, '--index', index, '--model', TINY_CLAP]);
    expect(made).toMatchObject({ status: 0 });
    expect(made.stdout).toMatch(/^5 windows of 2 sounds embedded in .* 1 other files left out.*tiny-clap/);
    expect(made.stderr).toMatch(/left out: broken\.mp3: /);
    const example = sound('tone_1s_16k_s16.wav');
    const found = await cli(['search', '--index', index, '-k', '5', 'a bell rings', '--audio', example]);
    expect(found).toMatchObject({ status: 0, stderr: '' });
    expect(found.stdout).toMatch(/talk #1\.flac {2}0:10–0:20\n/);
    expect(found.stdout).toMatch(
      /\? .*tone_1s_16k_s16\.wav\n\n {2}1\. 1\.0000 {2}more\/tone\.WAV {2}0:00–0:01\n/,
    );
    const json = await cli(['search', '--index', index, '-k', '5', '--json', 'a bell rings']);
    const [{ question, hits }] = jsonLines<Answer>(json.stdout);
    expect(question).toBe('a bell rings');
    const places = hits.map(({ file, start, end }) => [file, start, end]);
    expect(places).toHaveLength(5);
    expect(places).toContainEqual(['talk #1.flac', 30, 35]);
    expect(hits.map(({ score }) => score)).toEqual(hits.map(({ score }) => score).sort((a, b) => b - a));
  });

  it('shows how far it is on a terminal', async () => {
    const env = { NODE_OPTIONS: '--import=data:text/javascript,process.stderr.isTTY=true' };
    const again = join(folder, 'bar-index');
    const { status, stderr } = await cli(['index', sounds, '--index', again, '--model', TINY_CLAP], { env });
    expect(status).toBe(0);
    expect(stderr).toMatch(/Embedding █*░+ 0\/3 sounds/);
  });

  it('says that a store takes texts only', async () => {
    const store = join(folder, 'store');
    const { status, stderr } = await cli(['index', sounds, '--store', store, '--model', TINY_CLAP]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('texts for --store but received sounds')]);
  });

  it('says what is needed with a model that knows no words, and without a model', async () => {
    const whisper = join(folder, 'whisper-index');
    const made = await cli(['index', sounds, '--index', whisper, '--model', TINY_WHISPER, '--json']);
    expect(jsonLines(made.stdout)[0]).toMatchObject({
      ...{ sounds: 2, rows: 3, dims: 32, others: 1 },
      skipped: [{ file: 'broken.mp3' }],
    });
    const words = await cli(['search', '--index', whisper, 'a bell']);
    expect(words).toMatchObject({ status: 2, stdout: '' });
    expect(words.stderr).toMatch(/--audio .*knows no words; index with a CLAP model/);
    expect((await cli(['search', '--index', whisper])).stderr).toMatch(/a question or --audio/);
    expect((await cli(['search', '--index', whisper, '--image', 'x.jpg'])).stderr).toMatch(
      /pictures or films/,
    );
    const none = await cli(['index', sounds, '--index', join(folder, 'none')]);
    expect(none).toMatchObject({ status: 2, stdout: '' });
    expect(none.stderr).toMatch(/CLAP or Whisper/);
  });

  it('gives the folder over to texts', async () => {
    const text = join(folder, 'words.txt');
    await writeFile(text, 'A bell rings in the distance.\n');
    expect((await cli(['index', text, '--index', index])).status).toBe(0);
    await expect(readFile(join(index, 'sounds.json'))).rejects.toThrow('ENOENT');
    expect((await cli(['search', '--index', index, 'a bell'])).stdout).toMatch(/words\.txt:1/);
  });
});

describe.skipIf(!hasFfmpeg)('embedlane index and search on films', () => {
  it('finds moments by words and by a picture', async () => {
    const index = join(folder, 'films-index');
    const made = await cli(['index', films, '--index', index, '--model', TINY_CLIP, '--fps', '2']);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(made.stdout).toMatch(/^8 frames of 2 films embedded in .*tiny-clip/);
    const args = [
      'search',
      '--index',
      index,
      '-k',
      '8',
      '--json',
      'a car',
      '--image',
      fixture('images/jpeg_444.jpg'),
    ];
    const answers = jsonLines<Answer>((await cli(args)).stdout);
    expect(answers.map(({ hits }) => hits.length)).toEqual([8, 8]);
    const times = answers[0].hits.filter(({ file }) => file === 'clip.mp4').map(({ start }) => start);
    expect(times.sort((a, b) => a - b)).toEqual([0, 0.5, 1, 1.5, 2, 2.5]);
    const text = await cli(['search', '--index', index, '-k', '8', 'a car']);
    expect(text.stdout).toMatch(/clip\.mp4 {2}0:02\.5\n/);
    expect((await cli(['search', '--index', index, 'a', '--html', 'x.html'])).stderr).toMatch(/--html/);
  });
});

describe('timestamp', () => {
  it.each([
    [0, '0:00'],
    [7, '0:07'],
    [59.96, '1:00'],
    [754.5, '12:34.5'],
    [3723, '1:02:03'],
  ])('%d', (seconds, text) => {
    expect(timestamp(seconds)).toBe(text);
  });
});
