/**
 * Text to vectors, end to end: the same paragraphs and the same model files through embedlane, transformers.js,
 * plain onnxruntime-node + tokenizers and sentence-transformers, one process each, rounds interleaved.
 *
 *   node bench/text.mjs [--rounds 5] [--texts 512] [--threads 2] [--dtype fp16,int8] [--only name,…] [--quick] [--no-peers]
 */
import { availableParallelism } from 'node:os';
import { Contender } from './lib/contender.mjs';
import { describeMachine, machine, packageVersion } from './lib/machine.mjs';
import { peer, pythonPeer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, reportNoise, save, targetTable } from './lib/report.mjs';
import { again, roofline } from './lib/roofline.mjs';
import { mean, median, medianRatio, min } from './lib/stats.mjs';
import { heading, megabytes, number, table, times } from './lib/table.mjs';
import { mixedParagraphs } from './lib/texts.mjs';

const chosen = options({
  texts: { type: 'string' },
  threads: { type: 'string' },
  dtype: { type: 'string', default: 'fp16,int8' },
  only: { type: 'string' },
});
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 5));
const TEXTS = Number(chosen.texts ?? (chosen.quick ? 96 : 512));
/** Embedded untimed before each round: between its turns a process loses its caches to the others. */
const WARM_TEXTS = 64;
const THREADS = Number(chosen.threads ?? availableParallelism());

/** Shape of all-MiniLM-L6-v2: what the arithmetic of a text follows from. */
const MODEL = { layers: 6, hidden: 384, intermediate: 1536 };

/** Floating-point operations of the model's matrix products over sequences of these lengths, without padding. */
function operations(tokens) {
  const { layers, hidden, intermediate } = MODEL;
  const perToken = 2 * (4 * hidden * hidden + 2 * hidden * intermediate);
  const attention = 4 * hidden;
  return layers * tokens.reduce((sum, n) => sum + n * perToken + n * n * attention, 0);
}

/** Least cosine at which two contenders count as doing the same work. */
const AGREE = 0.999;

const OURS = 'embedlane';
/** transformers.js and torch spin by default, embedlane does not: this row compares like with like. */
const SPIN = 'embedlane, spin: 20';
const BATCH = 'transformers.js, batch 32';
const SINGLE = 'transformers.js, one by one';
const SORTED = 'transformers.js, sorted, batch 32';
const PLAIN = 'onnxruntime-node by hand';
const TORCH = 'sentence-transformers';

function contenders(dtype) {
  // embedlane chooses lanes and threads by itself unless told.
  const threads = chosen.threads && THREADS;
  const list = [
    { name: OURS, file: 'contenders/text-embedlane.mjs', options: { dtype, threads } },
    { name: SPIN, file: 'contenders/text-embedlane.mjs', options: { dtype, threads, spin: 20 } },
    { name: PLAIN, file: 'contenders/text-plain.mjs', options: { dtype } },
  ];
  if (!chosen.peers) return list;
  if (peer('@huggingface/transformers')) {
    const file = 'peers/text-transformers.mjs';
    list.push(
      { name: BATCH, file, options: { dtype, batchSize: 32 } },
      { name: SINGLE, file, options: { dtype, batchSize: 1 } },
      { name: SORTED, file, options: { dtype, batchSize: 32, sorted: true } },
    );
  }
  // It has no int8 file; its float32 weights are those that the fp16 file rounds.
  const python = dtype === 'fp16' && pythonPeer();
  if (python) {
    list.push({
      name: TORCH,
      file: 'peers/text_sentence_transformers.py',
      options: { batchSize: 32 },
      python,
    });
  }
  return list;
}

/** Smallest cosine between equal rows of two matrices of unit vectors. */
function leastCosine(a, b, rows) {
  if (a.length !== b.length) return Number.NaN;
  const dims = a.length / rows;
  let least = 1;
  for (let row = 0; row < rows; row++) {
    let dot = 0;
    for (let i = row * dims; i < (row + 1) * dims; i++) dot += a[i] * b[i];
    least = Math.min(least, dot);
  }
  return least;
}

function asFloats({ vectors, base64 }) {
  if (vectors) return vectors;
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

async function start(contender, dtype, texts, reference) {
  progress(`${dtype}: loading ${contender.name}`);
  contender.process = new Contender(contender.name, contender.file, { python: contender.python });
  const started = performance.now();
  contender.about = await contender.process.call('init', { threads: THREADS, ...contender.options });
  contender.loadSeconds = (performance.now() - started) / 1000;
  contender.rounds = [];
  const vectors = asFloats(await contender.process.call('vectors', { texts }));
  contender.cosine = leastCosine(vectors, reference ?? vectors, texts.length);
  if (!(contender.cosine >= AGREE)) {
    throw new Error(
      `${contender.name} computes other vectors: cosine ${contender.cosine}, so no speed of it counts`,
    );
  }
  return vectors;
}

async function measure(dtype, texts, tokens) {
  const only = chosen.only?.split(',');
  const list = contenders(dtype).filter(({ name }) => !only || only.some((part) => name.includes(part)));
  try {
    let reference;
    for (const contender of list) {
      const vectors = await start(contender, dtype, texts, reference);
      reference ??= vectors;
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of list) {
        progress(`${dtype}: round ${round + 1} of ${ROUNDS}, ${contender.name}`);
        await contender.process.call('warm', { texts: texts.slice(0, WARM_TEXTS) });
        contender.rounds.push(await contender.process.measure('round', { texts }));
      }
    }
  } finally {
    await Promise.all(list.map((contender) => contender.process?.stop()));
    progressDone();
  }
  if (limit) limit = again(limit);
  show(dtype, list, texts, tokens, dtype === 'fp16' ? limit?.gflops : undefined);
  return list.map(({ process, file, python, ...rest }) => rest);
}

const share = (ratio) => `${Math.round(100 * ratio)} %`;
const seconds = (contender) => contender.rounds.map((round) => round.seconds);

function show(dtype, list, texts, tokens, peak) {
  heading(
    `${TEXTS} paragraphs, all-MiniLM-L6-v2 ${dtype === 'int8' ? 'int8' : 'float32 arithmetic'}, ${THREADS} threads`,
  );
  const ours = list.find(({ name }) => name === OURS);
  const total = tokens.reduce((sum, count) => sum + count, 0);
  const loop = (contender, field) =>
    number(median(contender.rounds.map((round) => round.loop?.[field] ?? Number.NaN)));
  console.log(
    table(
      [
        'contender',
        'texts/s',
        'best',
        'tokens/s',
        'of peak',
        'ours is',
        'CPU s',
        'loop p50 ms',
        'p99',
        'max',
        'peak RSS',
        'cosine',
      ],
      list.map((contender) => [
        contender.name,
        number(texts.length / median(seconds(contender))),
        number(texts.length / min(seconds(contender))),
        number(total / median(seconds(contender))),
        peak ? share(operations(tokens) / min(seconds(contender)) / 1e9 / peak) : '—',
        ours ? times(medianRatio(seconds(contender), seconds(ours))) : '—',
        number(median(contender.rounds.map((round) => round.cpu))),
        loop(contender, 'p50'),
        loop(contender, 'p99'),
        loop(contender, 'max'),
        megabytes(Math.max(...contender.rounds.map((round) => round.peak ?? 0))),
        contender.cosine.toFixed(6),
      ]),
    ),
  );
}

function goals(results) {
  const find = (dtype, name) => results[dtype]?.find((contender) => contender.name === name);
  const ratio = (dtype, name, who = OURS) => {
    const [ours, theirs] = [find(dtype, who), find(dtype, name)];
    return ours && theirs && medianRatio(seconds(theirs), seconds(ours));
  };
  const delay = find('fp16', OURS) && median(find('fp16', OURS).rounds.map((round) => round.loop.p99));
  return [
    {
      label: 'MiniLM float32, against transformers.js at batch 32',
      measured: ratio('fp16', BATCH),
      goal: '≥ 4×',
    },
    {
      label: 'MiniLM float32, against transformers.js one by one',
      measured: ratio('fp16', SINGLE),
      goal: '≥ 1.6×',
    },
    {
      label: '…the same with spin: 20',
      measured: ratio('fp16', SINGLE, SPIN),
      goal: '≥ 1.6×',
    },
    { label: 'MiniLM float32, against sentence-transformers', measured: ratio('fp16', TORCH), goal: '≥ 2×' },
    {
      label: 'MiniLM int8, against transformers.js at batch 32',
      measured: ratio('int8', BATCH),
      goal: '≥ 3×',
    },
    { label: 'event-loop delay p99 while embedding', measured: delay, goal: '≤ 5 ms', unit: ' ms' },
  ];
}

const about = machine();
const { texts, tokens } = await mixedParagraphs(TEXTS);
console.log(describeMachine(about));
console.log(
  `${TEXTS} paragraphs of the Jargon File: ${number(mean(tokens))} tokens on average, ${Math.max(...tokens)} at most`,
);
progress('measuring the limits of the machine');
let limit = chosen.quick ? undefined : roofline(THREADS);
progressDone();
if (limit) console.log(`Limit of this machine, ${THREADS} threads: ${number(limit.gflops)} GFLOP/s float32`);
const results = {};
for (const dtype of chosen.dtype.split(',')) results[dtype] = await measure(dtype, texts, tokens);

const versions = {
  embedlane: about.embedlane,
  'onnxruntime-node': packageVersion('onnxruntime-node'),
  tokenizers: packageVersion('tokenizers'),
  ...(chosen.peers && { '@huggingface/transformers': peer('@huggingface/transformers') }),
};
console.log(
  `\nVersions: ${Object.entries(versions)
    .filter(([, version]) => version)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}`,
);
// Each brings its own engine: a reader must be able to tell a better batch from a newer library.
const engines = Object.values(results)
  .flat()
  .filter((contender) => contender.about.runtime)
  .map(({ name, about: { runtime } }) => `${name.split(',')[0]} on ${runtime}`);
if (engines.length > 0) console.log(`Engines that peers bring: ${[...new Set(engines)].join(', ')}`);
const foreign = reportNoise(
  Object.values(results)
    .flat()
    .flatMap((contender) => contender.rounds),
);
// A quick run only shows that everything works.
const targets = chosen.quick ? [] : goals(results);
if (targets.length > 0) console.log(`\n${targetTable(targets)}`);
reportMissing();
save('text', {
  texts: TEXTS,
  meanTokens: mean(tokens),
  maxTokens: Math.max(...tokens),
  threads: THREADS,
  limit,
  operations: operations(tokens),
  versions,
  foreign,
  targets,
  results,
});
