/**
 * Concurrent clients with single short texts: embedlane's server, a node:http server around transformers.js, and
 * the library without HTTP, with the same model file, rounds interleaved.
 *
 *   node bench/server.mjs [--rounds 3] [--seconds 5] [--connections 64] [--threads 2] [--dtype fp16,int8] [--no-peers]
 */
import { availableParallelism } from 'node:os';
import { TextEmbedder } from '../dist/index.js';
import { loadHttp, loadInProcess, startServer } from './lib/load.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, save, targetTable } from './lib/report.mjs';
import { median, medianRatio } from './lib/stats.mjs';
import { heading, number, table, times } from './lib/table.mjs';
import { mixedParagraphs, modelId } from './lib/texts.mjs';

const chosen = options({
  seconds: { type: 'string', default: '5' },
  connections: { type: 'string', default: '64' },
  threads: { type: 'string' },
  dtype: { type: 'string', default: 'fp16,int8' },
});
const ROUNDS = Number(chosen.rounds ?? 3);
const SECONDS = Number(chosen.seconds);
const CONNECTIONS = Number(chosen.connections);
const THREADS = Number(chosen.threads ?? availableParallelism());
const WARM_SECONDS = 1;
/** Words of a question. */
const WORDS = 9;

const OURS = 'embedlane serve';
const LIBRARY = 'embedlane, without HTTP';
const TRANSFORMERS = 'node:http + transformers.js';

async function contenders(dtype) {
  const args = [dtype, String(THREADS)];
  const ours = await startServer('contenders/serve-embedlane.mjs', args);
  const model = await TextEmbedder.load(modelId, { dtype, threads: THREADS });
  const list = [
    { name: OURS, stop: ours.stop, load: (...load) => loadHttp(ours.url, ...load) },
    { name: LIBRARY, stop: () => model.close(), load: (...load) => loadInProcess(model, ...load) },
  ];
  if (chosen.peers && peer('@huggingface/transformers')) {
    const theirs = await startServer('peers/serve-transformers.mjs', args);
    list.push({ name: TRANSFORMERS, stop: theirs.stop, load: (...load) => loadHttp(theirs.url, ...load) });
  }
  return list;
}

async function measure(dtype, texts) {
  const list = await contenders(dtype);
  try {
    for (const contender of list) contender.rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name, load, rounds } of list) {
        progress(`${dtype}: round ${round + 1} of ${ROUNDS}, ${name}`);
        await load(texts, CONNECTIONS, WARM_SECONDS);
        rounds.push(await load(texts, CONNECTIONS, SECONDS));
      }
    }
  } finally {
    await Promise.all(list.map(({ stop }) => stop()));
    progressDone();
  }
  heading(
    `${CONNECTIONS} connections, one short text each, ${dtype === 'int8' ? 'int8' : 'float32 arithmetic'}`,
  );
  const of = (contender, field) => contender.rounds.map((round) => round[field]);
  const rows = list.map((contender) => [
    contender.name,
    number(median(of(contender, 'requests'))),
    times(medianRatio(of(list[0], 'requests'), of(contender, 'requests'))),
    number(median(of(contender, 'p50'))),
    number(median(of(contender, 'p99'))),
    of(contender, 'failed').reduce((a, b) => a + b, 0),
  ]);
  console.log(table(['contender', 'requests/s', 'ours is', 'p50 ms', 'p99 ms', 'failed'], rows));
  return list.map(({ name, rounds }) => ({ name, rounds }));
}

function goals(results) {
  return Object.entries(results).flatMap(([dtype, list]) => {
    const rounds = (name, field) =>
      list.find((contender) => contender.name === name)?.rounds.map((r) => r[field]);
    const theirs = rounds(TRANSFORMERS, 'requests');
    return [
      {
        label: `${dtype}: requests/s against the same load without HTTP`,
        measured: medianRatio(rounds(OURS, 'requests'), rounds(LIBRARY, 'requests')),
        goal: '≥ 0.9×',
      },
      {
        label: `${dtype}: requests/s against node:http + transformers.js`,
        measured: theirs && medianRatio(rounds(OURS, 'requests'), theirs),
        goal: '≥ 2×',
      },
      {
        label: `${dtype}: p99 against node:http + transformers.js`,
        measured: theirs && medianRatio(rounds(OURS, 'p99'), rounds(TRANSFORMERS, 'p99')),
        goal: '< 1×',
      },
    ];
  });
}

const about = machine();
const { texts: paragraphs } = await mixedParagraphs(2048);
const texts = paragraphs.map((paragraph) => paragraph.split(' ').slice(0, WORDS).join(' '));
console.log(describeMachine(about));
const results = {};
if (peer('autocannon')) {
  for (const dtype of chosen.dtype.split(',')) results[dtype] = await measure(dtype, texts);
  const targets = goals(results);
  console.log(`\n${targetTable(targets)}`);
  save('server', { connections: CONNECTIONS, seconds: SECONDS, threads: THREADS, targets, results });
}
reportMissing();
