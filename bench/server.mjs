/**
 * Concurrent clients with single short texts: embedlane's server, a node:http server around transformers.js,
 * Python's infinity, and the library without HTTP, with the same model, rounds interleaved.
 *
 *   node bench/server.mjs [--rounds 3] [--seconds 5] [--connections 64] [--threads N] [--dtype fp16,int8]
 *                         [--only serve,library,transformers,infinity] [--warm 12] [--no-peers]
 */
import { availableParallelism } from 'node:os';
import { TextEmbedder } from '../dist/index.js';
import { client, loadHttp, loadInProcess, startPython, startServer } from './lib/load.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, pythonPeer, reportMissing } from './lib/peers.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, save, targetTable } from './lib/report.mjs';
import { median, medianRatio } from './lib/stats.mjs';
import { heading, number, table, times } from './lib/table.mjs';
import { mixedParagraphs, modelId, questionsOf } from './lib/texts.mjs';

const chosen = options({
  seconds: { type: 'string' },
  connections: { type: 'string', default: '64' },
  threads: { type: 'string' },
  dtype: { type: 'string' },
  only: { type: 'string', default: 'serve,library,transformers,infinity' },
  /** Seconds; long enough for the lanes that come with load, and for V8 to have compiled what it will. */
  warm: { type: 'string' },
});
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 3));
const SECONDS = Number(chosen.seconds ?? (chosen.quick ? 1 : 5));
const DTYPES = (chosen.dtype ?? (chosen.quick ? 'int8' : 'fp16,int8')).split(',');
const CONNECTIONS = Number(chosen.connections);
const CORES = availableParallelism();
/** Of one lane; the library chooses threads and lanes if they are not said. */
const THREADS = chosen.threads;
const WARM_SECONDS = Number(chosen.warm ?? (chosen.quick ? 2 : 12));
/** Untimed, before each round: between its turns a process loses its caches, and its lanes may sleep. */
const AWAKE_SECONDS = 1;
const ONLY = chosen.only.split(',');

const OURS = 'embedlane serve';
const LIBRARY = 'embedlane, without HTTP';
const TRANSFORMERS = 'node:http + transformers.js';
const INFINITY = 'infinity (torch, float32)';

/** Starts those that are asked for. */
async function contenders(dtype) {
  const list = [];
  const wants = (word) => ONLY.includes(word);
  if (wants('serve')) {
    const ours = await startServer('contenders/serve-embedlane.mjs', [dtype, THREADS ?? '0']);
    list.push({ name: OURS, stop: ours.stop, load: (...load) => loadHttp(ours, ...load) });
  }
  if (wants('library')) {
    const fixed = THREADS !== undefined && { threads: Number(THREADS), lanes: 1 };
    const model = await TextEmbedder.load(modelId, { dtype, ...fixed });
    list.push({ name: LIBRARY, stop: () => model.close(), load: (...load) => loadInProcess(model, ...load) });
  }
  if (wants('transformers') && chosen.peers && peer('@huggingface/transformers')) {
    const { url, stop } = await startServer('peers/serve-transformers.mjs', [
      dtype,
      THREADS ?? String(CORES),
    ]);
    list.push({ name: TRANSFORMERS, stop, load: (...load) => loadHttp({ url }, ...load) });
  }
  // It has float32 weights only.
  const isInfinity = wants('infinity') && chosen.peers && dtype !== 'int8';
  const python = isInfinity && pythonPeer('infinity', 'infinity_emb', true);
  if (python) {
    const { url, stop } = await startPython(python, 'peers/serve_infinity.py', [THREADS ?? String(CORES)]);
    list.push({ name: INFINITY, stop, load: (...load) => loadHttp({ url, path: '/embeddings' }, ...load) });
  }
  return list;
}

async function measure(dtype, texts) {
  const list = await contenders(dtype);
  try {
    for (const contender of list) {
      contender.rounds = [];
      progress(`${dtype}: warming ${contender.name}`);
      await contender.load(texts, CONNECTIONS, WARM_SECONDS);
    }
    for (let round = 0; round < ROUNDS; round++) {
      // Each after each of the others: what a round leaves behind is nobody's advantage.
      for (const { name, load, rounds } of round % 2 === 0 ? list : [...list].reverse()) {
        progress(`${dtype}: round ${round + 1} of ${ROUNDS}, ${name}`);
        await load(texts, CONNECTIONS, AWAKE_SECONDS);
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
    number(median(of(contender, 'busy')) / 1000),
    number(median(of(contender, 'own')) / 1000),
    of(contender, 'failed').reduce((a, b) => a + b, 0),
  ]);
  console.log(
    table(
      ['contender', 'requests/s', 'ours is', 'p50 ms', 'p99 ms', 'all CPU ms', "of it the load's", 'failed'],
      rows,
    ),
  );
  return list.map(({ name, rounds }) => ({ name, rounds }));
}

function goals(results) {
  return Object.entries(results).flatMap(([dtype, list]) => {
    const rounds = (name, field) =>
      list.find((contender) => contender.name === name)?.rounds.map((r) => r[field]);
    const against = (name, field) => {
      const theirs = rounds(name, field);
      return theirs && rounds(OURS, field) && medianRatio(rounds(OURS, field), theirs);
    };
    const difference = (field) =>
      rounds(OURS, field) &&
      rounds(LIBRARY, field) &&
      median(rounds(OURS, field)) - median(rounds(LIBRARY, field));
    const http = difference('cpu');
    // Clients elsewhere take nothing of the machine: what the library's callers cost is in its own process.
    const served = rounds(OURS, 'busy')?.map((busy, i) => busy - rounds(OURS, 'own')[i]);
    const alone = served && rounds(LIBRARY, 'busy') && medianRatio(rounds(LIBRARY, 'busy'), served);
    const peers = dtype === 'int8' ? [TRANSFORMERS] : [TRANSFORMERS, INFINITY];
    return [
      {
        label: `${dtype}: requests/s against the same load without HTTP`,
        ...{ measured: against(LIBRARY, 'requests'), goal: '≥ 0.9×' },
      },
      {
        label: `${dtype}: the same by processor time, the load generator's left out`,
        ...{ measured: alone, goal: '≥ 0.9×' },
      },
      {
        label: `${dtype}: processor time of HTTP per request`,
        measured: http === undefined ? undefined : http / 1000,
        goal: '≤ 0.3 ms',
        unit: ' ms',
      },
      ...peers.flatMap((name) => [
        {
          label: `${dtype}: requests/s against ${name}`,
          ...{ measured: against(name, 'requests'), goal: name === TRANSFORMERS ? '≥ 2×' : '> 1×' },
        },
        { label: `${dtype}: p99 against ${name}`, measured: against(name, 'p99'), goal: '< 1×' },
      ]),
    ];
  });
}

const about = machine();
const { texts: paragraphs } = await mixedParagraphs(2048);
const texts = questionsOf(paragraphs);
console.log(`${describeMachine(about)}; requests from ${client}`);
const results = {};
for (const dtype of DTYPES) results[dtype] = await measure(dtype, texts);
const targets = goals(results);
console.log(`\n${targetTable(targets)}`);
save('server', {
  client,
  connections: CONNECTIONS,
  seconds: SECONDS,
  threads: THREADS ?? 'default',
  targets,
  results,
});
reportMissing();
