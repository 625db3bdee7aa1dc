/**
 * Static embeddings of short texts: embedlane beside Python's model2vec and transformers.js on the same model and the
 * same texts, one process each, in alternating rounds, after checking that all give the same vectors.
 *
 * The model has all-MiniLM-L6-v2's vocabulary and random vectors of 256 values, which is the size of potion-base-8M;
 * the texts are the lines of the Jargon File.
 *
 *   node bench/static.mjs [--texts 100000] [--rounds 5] [--quick] [--no-peers]
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, pythonPeer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save, targetTable } from './lib/report.mjs';
import { median, medianRatio, min } from './lib/stats.mjs';
import { heading, megabytes, number, table, times } from './lib/table.mjs';

const DIMS = 256;
const CHECKED = 2000;
/** Largest difference of a component between contenders: float32 sums in another order. */
const AGREE = 1e-5;
/** Mathematical signs and lines of tables, which the vocabulary lacks: model2vec drops them, transformers.js does not. */
const SIGNS = /[\u2200-\u25ff]/;
const OURS = 'embedlane';
const THROUGH_TEXT = 'embedlane, by TextEmbedder';
const PYTHON = 'model2vec (Python)';
const TRANSFORMERS = 'transformers.js';

const chosen = options({ texts: { type: 'string' } });
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 5));
const TEXTS = Number(chosen.texts ?? (chosen.quick ? 5000 : 100_000));

const root = new URL('../', import.meta.url);

/** A model2vec folder: tokenizer, one tensor, configuration; and the texts. */
async function writeModel(folder) {
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
    await copyFile(new URL(`models/all-MiniLM-L6-v2/${file}`, root), join(folder, file));
  }
  const json = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
  const rows = Object.keys(json.model.vocab).length;
  let state = 1;
  const vectors = Float32Array.from({ length: rows * DIMS }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 31 - 1;
  });
  const entry = { dtype: 'F32', shape: [rows, DIMS], data_offsets: [0, vectors.byteLength] };
  const header = JSON.stringify({ embeddings: entry });
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const bytes = Buffer.concat([length, Buffer.from(padded), Buffer.from(vectors.buffer)]);
  await writeFile(join(folder, 'model.safetensors'), bytes);
  const config = { model_type: 'model2vec', max_length: 512, normalize: true };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  if (chosen.peers && peer('@huggingface/transformers')) {
    const { meanGraph } = await import('./peers/static-graph.mjs');
    await mkdir(join(folder, 'onnx'));
    await writeFile(join(folder, 'onnx', 'model.onnx'), meanGraph(vectors, rows, DIMS));
  }
  await writeFile(join(folder, 'texts.json'), JSON.stringify(await readTexts(TEXTS)));
}

async function readTexts(count) {
  const corpus = await readFile(new URL('examples/corpus/jargon.txt', root), 'utf8');
  const lines = corpus
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length > 20 && !SIGNS.test(line));
  return Array.from({ length: count }, (_, i) => lines[i % lines.length]);
}

function contenders() {
  const file = 'contenders/static-embedlane.mjs';
  const list = [
    { name: OURS, file },
    { name: THROUGH_TEXT, file, through: 'TextEmbedder' },
  ];
  const python = chosen.peers ? pythonPeer('model2vec', 'model2vec') : undefined;
  if (python) list.push({ name: PYTHON, file: 'peers/static_model2vec.py', python });
  if (chosen.peers && peer('@huggingface/transformers')) {
    list.push({ name: TRANSFORMERS, file: 'peers/static-transformers.mjs' });
  }
  return list;
}

function asFloats({ vectors, base64 }) {
  if (vectors) return vectors;
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

async function measure(folder) {
  const list = contenders();
  try {
    let reference;
    for (const contender of list) {
      progress(`checking ${contender.name}`);
      contender.process = new Contender(contender.name, contender.file, { python: contender.python });
      contender.about = await contender.process.call('init', { folder, through: contender.through });
      const vectors = asFloats(await contender.process.call('vectors', { count: CHECKED }));
      reference ??= vectors;
      contender.difference = reference.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - vectors[i])),
        0,
      );
      if (!(contender.difference <= AGREE))
        throw new Error(`${contender.name} computes other vectors, by ${contender.difference}`);
      // The first round fills caches.
      await contender.process.call('round', {});
      contender.rounds = [];
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of list) {
        progress(`round ${round + 1} of ${ROUNDS}, ${contender.name}`);
        contender.rounds.push(await contender.process.measure('round', {}));
      }
    }
  } finally {
    await Promise.all(list.map((contender) => contender.process?.stop()));
    progressDone();
  }
  return list.map(({ process, file, python, ...rest }) => rest);
}

const seconds = ({ rounds }) => rounds.map((round) => round.seconds);

function show(list) {
  heading(`${number(TEXTS)} short texts, static model of ${DIMS} dimensions`);
  const [ours] = list;
  const rows = list.map((contender) => [
    contender.name,
    number(TEXTS / median(seconds(contender))),
    number(TEXTS / min(seconds(contender))),
    times(medianRatio(seconds(contender), seconds(ours))),
    number(median(contender.rounds.map((round) => round.loop?.p99 ?? Number.NaN))),
    megabytes(Math.max(...contender.rounds.map((round) => round.peak ?? 0))),
    contender.difference.toExponential(1),
  ]);
  console.log(
    table(['contender', 'texts/s', 'best', 'ours is', 'loop p99 ms', 'peak RSS', 'difference'], rows),
  );
}

function goals(list) {
  const ours = list.find(({ name }) => name === OURS);
  const through = list.find(({ name }) => name === THROUGH_TEXT);
  const against = [PYTHON, TRANSFORMERS].map((name) => {
    const peer = list.find((contender) => contender.name === name);
    return {
      label: `static embeddings, against ${name}`,
      measured: peer && medianRatio(seconds(peer), seconds(ours)),
      goal: '≥ 20×',
    };
  });
  return [
    {
      label: 'static embeddings, texts/s',
      measured: TEXTS / median(seconds(ours)),
      goal: '≥ 100,000',
      unit: '',
    },
    ...against,
    {
      label: 'event loop through TextEmbedder, p99',
      measured: median(through.rounds.map(({ loop }) => loop.p99)),
      goal: '≤ 3 ms',
      unit: ' ms',
    },
  ];
}

console.log(describeMachine(machine()));
const folder = await mkdtemp(join(tmpdir(), 'embedlane-bench-static-'));
try {
  await writeModel(folder);
  const results = await measure(folder);
  show(results);
  const foreign = reportNoise(results.flatMap(({ rounds }) => rounds));
  // A quick run only shows that everything works.
  const targets = chosen.quick ? [] : goals(results);
  if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
  reportMissing();
  save('static', { texts: TEXTS, dims: DIMS, foreign, targets, results });
} finally {
  await rm(folder, { recursive: true });
}
