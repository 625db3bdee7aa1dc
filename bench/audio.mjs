/**
 * Sounds to Whisper's log-mel features: windows of 30 s, one process for each contender, rounds interleaved.
 *
 *   node bench/audio.mjs [--rounds 5] [--windows 24] [--threads 2] [--quick] [--no-peers]
 */
import { availableParallelism } from 'node:os';
import { loadBinding } from '../dist/native/load.js';
import { asFloats } from './lib/arrays.mjs';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, pythonPeer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save, targetTable } from './lib/report.mjs';
import { sounds, WINDOW } from './lib/sounds.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, megabytes, number, table, times } from './lib/table.mjs';

const chosen = options({ windows: { type: 'string' }, threads: { type: 'string' } });
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 5));
const COUNT = Number(chosen.windows ?? (chosen.quick ? 4 : 24));
const THREADS = Number(chosen.threads ?? availableParallelism());
const WARM = 2;

/** Largest difference of a feature at which results count as the same: the float32 routes lie up to 1.3e-4 apart. */
const AGREE = 1e-3;

const OURS = 'embedlane';
const ONE = 'embedlane, 1 thread';
const TORCH = 'transformers, torch';
const NUMPY = 'transformers, NumPy';
const TJS = 'transformers.js';

const python = chosen.peers ? pythonPeer('transformers', 'transformers') : undefined;
const javascript = chosen.peers && peer('@huggingface/transformers');

function contenders(mels) {
  const ours = (name, threads) => ({
    name,
    file: 'contenders/audio-embedlane.mjs',
    options: { mels, threads },
  });
  const theirs = (name, route) => ({
    name,
    file: 'peers/audio_transformers.py',
    options: { mels, threads: THREADS, route },
    python,
  });
  return [
    ours(OURS, THREADS),
    ours(ONE, 1),
    ...(python ? [theirs(TORCH, 'torch'), theirs(NUMPY, 'numpy')] : []),
    ...(javascript ? [{ name: TJS, file: 'peers/audio-transformers.mjs', options: { mels } }] : []),
  ];
}

function largestDifference(a, b) {
  if (a.length !== b.length) return Number.NaN;
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

async function measure(mels, paths) {
  const list = contenders(mels);
  const few = paths.slice(0, WARM);
  try {
    let reference;
    for (const contender of list) {
      progress(`${mels} bands: loading ${contender.name}`);
      contender.process = new Contender(contender.name, contender.file, { python: contender.python });
      await contender.process.call('init', contender.options);
      contender.rounds = [];
      const features = asFloats(await contender.process.call('vectors', { paths: few }));
      reference ??= features;
      contender.difference = largestDifference(features, reference);
      if (!(contender.difference <= AGREE)) {
        throw new Error(
          `${contender.name} computes something else, ${contender.difference} away, so no speed of it counts`,
        );
      }
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of list) {
        progress(`${mels} bands: round ${round + 1} of ${ROUNDS}, ${contender.name}`);
        await contender.process.call('warm', { paths: round === 0 ? paths : few });
        contender.rounds.push(await contender.process.measure('round', { paths }));
      }
    }
  } finally {
    await Promise.all(list.map((contender) => contender.process?.stop()));
    progressDone();
  }
  show(mels, list, paths);
  return list.map(({ process, file, python: _, options: __, ...rest }) => rest);
}

const seconds = (contender) => contender.rounds.map((round) => round.seconds);
const realTime = (taken, count) => (count * WINDOW.seconds) / taken;

function show(mels, list, paths) {
  heading(`${mels} mel bands: ${paths.length} windows of ${WINDOW.seconds} s, ${THREADS} threads`);
  const [ours] = list;
  console.log(
    table(
      [
        'contender',
        'ms / window',
        '× real time',
        'best round',
        'ours is',
        'CPU ms',
        'peak RSS',
        'difference',
      ],
      list.map((contender) => [
        contender.name,
        number((1000 * median(seconds(contender))) / paths.length),
        number(realTime(median(seconds(contender)), paths.length)),
        number(realTime(min(seconds(contender)), paths.length)),
        times(medianRatio(seconds(contender), seconds(ours))),
        number((1000 * median(contender.rounds.map((round) => round.cpu))) / paths.length),
        megabytes(Math.max(...contender.rounds.map((round) => round.peak ?? 0))),
        contender.difference.toExponential(1),
      ]),
    ),
  );
}

function goals(results, count) {
  const find = (name) => results.find((contender) => contender.name === name);
  const ratio = (name) => find(name) && medianRatio(seconds(find(name)), seconds(find(OURS)));
  return [
    { label: 'log-mel against transformers (torch)', measured: ratio(TORCH), goal: '≥ 3×' },
    { label: 'log-mel against transformers (NumPy)', measured: ratio(NUMPY), goal: '≥ 3×' },
    { label: 'log-mel against transformers.js', measured: ratio(TJS), goal: '≥ 3×' },
    {
      label: 'log-mel against real time',
      measured: realTime(median(seconds(find(OURS))), count),
      goal: '≥ 3,000×',
    },
  ];
}

const about = machine();
console.log(describeMachine(about));
console.log(`kernel: ${loadBinding().simdLevel()}`);
progress('making sounds');
const paths = sounds(COUNT);
progressDone();
const results = {};
for (const mels of [80, 128]) results[mels] = await measure(mels, paths);
const versions = {
  embedlane: about.embedlane,
  ...(javascript && { '@huggingface/transformers': javascript }),
};
const foreign = reportNoise(
  Object.values(results)
    .flat()
    .flatMap((contender) => contender.rounds),
);
const targets = chosen.quick ? [] : goals(results[80], COUNT);
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
reportMissing();
save('audio', { windows: COUNT, threads: THREADS, versions, foreign, targets, results });
