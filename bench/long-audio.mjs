/**
 * Long recordings from files to vectors: memory above the loaded model, and how free the event loop stays. The files are
 * silence that takes no room on the disk, since neither depends on what is heard; compressed, it is the worst case for
 * the memory, since one byte becomes thousands.
 *
 *   node bench/long-audio.mjs [--hours 1] [--only wav] [--model <Whisper folder>] [--clap <folder>]
 *
 * `--hours 8` is the recording that a day of work leaves. With a real model most of the time is inference.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { residentBytes } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { reportNoise, save, targetTable } from './lib/report.mjs';
import { heading, megabytes, number, table } from './lib/table.mjs';

/** The tests' models have random weights, which changes nothing here. */
const tiny = (name) => fileURLToPath(new URL(`../test/fixtures/models/tiny-${name}`, import.meta.url));

const { values } = parseArgs({
  options: {
    hours: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    model: { type: 'string', default: tiny('whisper') },
    clap: { type: 'string', default: tiny('clap-fused') },
  },
});
const HOURS = Number(values.hours);
const SECONDS = Math.round(3600 * HOURS);

/** A WAV file of 16-bit silence, all but its header a hole. */
function silence(path, rate, channels) {
  const bytes = 2 * rate * channels * SECONDS;
  const header = Buffer.alloc(44);
  // More than 32 bits can say: as a recorder does that does not know how long it will run.
  const size = Math.min(bytes, 0xffffffff);
  header.write('RIFF\0\0\0\0WAVEfmt ', 'latin1');
  header.writeUInt32LE(size, 4);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(2 * rate * channels, 28);
  header.writeUInt16LE(2 * channels, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(size, 40);
  const file = openSync(path, 'w');
  writeSync(file, header);
  ftruncateSync(file, 44 + bytes);
  closeSync(file);
  return path;
}

/** The same through an encoder of ffmpeg, or undefined where there is none. */
function encoded(path, ...codec) {
  const input = ['-f', 'lavfi', '-i', 'anullsrc=r=44100:cl=stereo', '-t', String(SECONDS)];
  const { status } = spawnSync('ffmpeg', ['-v', 'error', '-y', ...input, ...codec, path]);
  return status === 0 ? path : undefined;
}

/** Watched from outside: a look at the memory would hold up the very event loop that is measured. */
async function measure(name, kind, model, path) {
  progress(name);
  const contender = new Contender(name, 'contenders/long-audio-embedlane.mjs');
  try {
    await contender.call('init', { kind, folder: resolve(model) });
    const before = residentBytes(contender.pid);
    const { seconds, loop, peak, foreign } = await contender.measure('round', { paths: [path] });
    return { name, seconds, above: peak - before, loop, foreign };
  } finally {
    await contender.stop();
    progressDone();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'embedlane-bench-'));
const at = (name) => join(folder, name);
const wav = () => silence(at('a.wav'), 16_000, 1);
const CASES = [
  ['Whisper: WAV, 16 kHz', 'whisper', wav],
  ['Whisper: WAV, 44.1 kHz stereo', 'whisper', () => silence(at('b.wav'), 44_100, 2)],
  ['Whisper: FLAC, 44.1 kHz stereo', 'whisper', () => encoded(at('c.flac'))],
  ['Whisper: OGG, 44.1 kHz stereo', 'whisper', () => encoded(at('d.ogg'))],
  ['Whisper: M4A through ffmpeg', 'whisper', () => encoded(at('e.m4a'), '-b:a', '32k')],
  ['CLAP with fusion: WAV, 16 kHz', 'clap', wav],
];

console.log(describeMachine(machine()));
const results = [];
try {
  for (const [name, kind, make] of CASES) {
    if (!name.toLowerCase().includes(values.only.toLowerCase())) continue;
    const path = make();
    if (path) results.push(await measure(name, kind, kind === 'whisper' ? values.model : values.clap, path));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (results.length === 0) throw new Error(`Expected a case for --only but received ${values.only}`);

heading(`${number(HOURS)} h of sound, ${resolve(values.model).split('/').at(-1)}`);
console.log(
  table(
    ['what', 'seconds', '× real time', 'memory above the model', 'loop p99 ms', 'max'],
    results.map(({ name, seconds, above, loop }) => [
      name,
      number(seconds),
      number(SECONDS / seconds),
      megabytes(above),
      number(loop.p99),
      number(loop.max),
    ]),
  ),
);
const targets = [
  {
    label: `${number(HOURS)} h of sound: memory above the model`,
    measured: Math.max(...results.map(({ above }) => above)) / 1e6,
    goal: '< 300 MB',
    unit: ' MB',
  },
  {
    label: `${number(HOURS)} h of sound: event-loop delay p99`,
    measured: Math.max(...results.map(({ loop }) => loop.p99)),
    goal: '≤ 5 ms',
    unit: ' ms',
  },
];
const foreign = reportNoise(results);
console.log(`\n${targetTable(targets)}`);
save('long-audio', { hours: HOURS, foreign, targets, results });
