/**
 * The runtime under load: callers at the same time, batch sizes, a query beside a bulk job, what aborted calls cost,
 * resident memory over time, and where the time of a cold start goes.
 *
 *   node bench/runtime.mjs [--only clients,policy,priority,cancel,memory,start] [--dtype fp16] [--threads 2]
 *     [--seconds 3] [--rounds 2] [--soak 4000] [--quick] [--no-peers]
 *
 * `node bench/plots.mjs` draws the results.
 */
import { availableParallelism } from 'node:os';
import { TextEmbedder } from '../dist/index.js';
import { coldStart } from './lib/cold-start.mjs';
import { Contender } from './lib/contender.mjs';
import { watchLoop } from './lib/loop.mjs';
import { describeMachine, machine } from './lib/machine.mjs';
import { peer, reportMissing } from './lib/peers.mjs';
import { residentBytes } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { options, save, targetTable } from './lib/report.mjs';
import { median, medianRatio, percentile } from './lib/stats.mjs';
import { heading, number, table, times } from './lib/table.mjs';
import { mixedParagraphs, modelId } from './lib/texts.mjs';

const chosen = options({
  only: { type: 'string', default: 'clients,policy,priority,cancel,memory,start' },
  dtype: { type: 'string', default: 'fp16' },
  threads: { type: 'string' },
  seconds: { type: 'string' },
  soak: { type: 'string' },
});
const PARTS = new Set(chosen.only.split(','));
const DTYPE = chosen.dtype;
/** Of the peers; ours chooses by itself unless told. */
const THREADS = Number(chosen.threads ?? availableParallelism());
const OUR_THREADS = chosen.threads && THREADS;
const SECONDS = Number(chosen.seconds ?? (chosen.quick ? 0.5 : 3));
const ROUNDS = Number(chosen.rounds ?? (chosen.quick ? 1 : 2));
const SOAK = Number(chosen.soak ?? (chosen.quick ? 200 : 4000));
const CLIENTS = chosen.quick ? [4] : [1, 4, 16, 64];
const BUDGETS = chosen.quick ? [256, 768] : [128, 256, 512, 768, 1024, 2048, 4096];
/** As many as embedlane comes to by itself, there at once. */
const LANES = Math.min(4, availableParallelism());
/** Words of a question. */
const WORDS = 9;

const OURS = 'embedlane';
const PLAIN = 'onnxruntime-node by hand';
const TRANSFORMERS = 'transformers.js';

const { texts: paragraphs } = await mixedParagraphs(512);
const questions = paragraphs.map((paragraph) => paragraph.split(' ').slice(0, WORDS).join(' '));
const load = (more = {}) => TextEmbedder.load(modelId, { dtype: DTYPE, threads: OUR_THREADS, ...more });

async function start(name, file, more = {}) {
  const contender = new Contender(name, file);
  await contender.call('init', { dtype: DTYPE, threads: THREADS, batchSize: 32, ...more });
  return contender;
}

async function startAll() {
  const list = [
    await start(OURS, 'contenders/text-embedlane.mjs', { threads: OUR_THREADS }),
    await start(PLAIN, 'contenders/text-plain.mjs'),
  ];
  if (chosen.peers && peer('@huggingface/transformers')) {
    list.push(await start(TRANSFORMERS, 'peers/text-transformers.mjs'));
  }
  return list;
}

/** Concurrent callers with one question each, in the process of the model's user. */
async function clients() {
  const contenders = await startAll();
  const rounds = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const count of CLIENTS) {
        for (const contender of contenders) {
          progress(`round ${round + 1} of ${ROUNDS}: ${count} clients, ${contender.name}`);
          await contender.call('warm', { texts: questions.slice(0, 64) });
          const argument = { texts: questions, clients: count, seconds: SECONDS };
          rounds.push({
            contender: contender.name,
            clients: count,
            ...(await contender.call('clients', argument)),
          });
        }
      }
    }
  } finally {
    progressDone();
    await Promise.all(contenders.map((contender) => contender.stop()));
  }
  const of = (name, count, value) =>
    rounds.filter((round) => round.contender === name && round.clients === count).map(value);
  for (const count of CLIENTS) {
    heading(`${count} callers, one question each, ${DTYPE}`);
    const rows = contenders.map(({ name }) => [
      name,
      number(median(of(name, count, ({ requests }) => requests))),
      times(
        medianRatio(
          of(OURS, count, ({ requests }) => requests),
          of(name, count, ({ requests }) => requests),
        ),
      ),
      number(median(of(name, count, ({ p50 }) => p50))),
      number(median(of(name, count, ({ p99 }) => p99))),
      number(median(of(name, count, ({ loop }) => loop.p99))),
    ]);
    console.log(table(['contender', 'texts/s', 'ours is', 'p50 ms', 'p99 ms', 'loop p99 ms'], rows));
  }
  return rounds;
}

/** Throughput of 512 mixed paragraphs against the size of batches. */
async function policy() {
  const seconds = new Map(BUDGETS.map((budget) => [budget, []]));
  const models = new Map();
  try {
    for (const budget of BUDGETS) models.set(budget, await load({ tokenBudget: budget, lanes: LANES }));
    for (let round = 0; round < ROUNDS + 1; round++) {
      for (const budget of BUDGETS) {
        progress(`round ${round} of ${ROUNDS}: batches of ${budget} tokens`);
        const started = performance.now();
        await models.get(budget).encode(paragraphs);
        // The first is warm-up.
        if (round > 0) seconds.get(budget).push((performance.now() - started) / 1000);
      }
    }
    progressDone();
    const results = BUDGETS.map((budget) => {
      const { batches, paddingRatio, batchFill } = models.get(budget).stats();
      const rate = paragraphs.length / median(seconds.get(budget));
      return { budget, rate, paddingRatio, batchFill, batches: batches / (ROUNDS + 1) };
    });
    heading(`512 mixed paragraphs, by token budget, ${DTYPE}`);
    const rows = results.map((r) => [
      r.budget,
      number(r.rate),
      number(r.paddingRatio),
      number(r.batchFill),
      number(r.batches),
    ]);
    console.log(table(['budget', 'texts/s', 'padding', 'fill', 'runs'], rows));
    return results;
  } finally {
    await Promise.all([...models.values()].map((model) => model.close()));
  }
}

async function askFor(model, seconds) {
  const latencies = [];
  const end = performance.now() + 1000 * seconds;
  for (let i = 0; performance.now() < end; i++) {
    const sent = performance.now();
    await model.encode(questions[i % questions.length]);
    latencies.push(performance.now() - sent);
  }
  latencies.sort((a, b) => a - b);
  return { count: latencies.length, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

/** One caller after the other, alone and while a bulk job runs. */
async function priority() {
  const model = await load();
  try {
    await model.encode(paragraphs);
    const idle = await askFor(model, SECONDS);
    const stop = new AbortController();
    // Never ends by itself.
    const many = Array.from({ length: 200 }, () => paragraphs).flat();
    const bulk = model.encode(many, { signal: stop.signal }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 300));
    const { value: busy, loop } = await watchLoop(() => askFor(model, 2 * SECONDS));
    stop.abort();
    await bulk;
    heading(`a query, idle and beside a bulk job of ${many.length} paragraphs`);
    const row = (name, { p50, p99, count }) => [name, count, number(p50), number(p99)];
    console.log(table(['', 'queries', 'p50 ms', 'p99 ms'], [row('idle', idle), row('beside the job', busy)]));
    console.log(`event loop beside the job: p99 ${number(loop.p99)} ms`);
    return { idle, busy, loop };
  } finally {
    await model.close();
  }
}

/** What 1,000 calls cost that are aborted while they wait. */
async function cancel() {
  const model = await load();
  try {
    await model.encode(paragraphs);
    const before = model.stats().texts;
    const blocking = model.encode(paragraphs.slice(0, 8));
    const stops = Array.from({ length: 1000 }, () => new AbortController());
    const calls = stops.map(({ signal }, i) => model.encode(`${i} ${questions[i % 512]}`, { signal }));
    const settled = Promise.allSettled(calls);
    await new Promise((resolve) => setImmediate(resolve));
    const started = performance.now();
    for (const stop of stops) stop.abort();
    const milliseconds = (performance.now() - started) / stops.length;
    await settled;
    await blocking;
    await model.encode('after');
    const computed = model.stats().texts - before - 9;
    heading('1,000 calls aborted while they wait');
    console.log(`${number(milliseconds * 1000)} µs each, ${computed} computed`);
    return { milliseconds, computed };
  } finally {
    await model.close();
  }
}

/** Resident memory while mixed lengths go by, in parts of 64 in random order. */
async function memory() {
  const contenders = await startAll();
  const series = [];
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
  try {
    for (const contender of contenders) {
      // The others are here for the shape of their curves, which shows early.
      const total = contender.name === OURS ? SOAK : Math.ceil(SOAK / 4);
      const points = [];
      for (let done = 0; done < total; done += 64) {
        progress(`${contender.name}: ${done} of ${total} texts`);
        const part = Array.from({ length: 64 }, () => paragraphs[Math.floor(random() * paragraphs.length)]);
        await contender.call('warm', { texts: part });
        points.push({ texts: done + 64, bytes: residentBytes(contender.pid) });
      }
      series.push({ contender: contender.name, points });
    }
  } finally {
    progressDone();
    await Promise.all(contenders.map((contender) => contender.stop()));
  }
  heading('resident memory over mixed lengths, MB');
  const mean = (points) => points.reduce((sum, { bytes }) => sum + bytes, 0) / points.length / 1e6;
  const rows = series.map(({ contender, points }) => {
    const tenth = Math.max(1, Math.floor(points.length / 10));
    const [first, last] = [mean(points.slice(tenth, 2 * tenth)), mean(points.slice(-tenth))];
    return [contender, points.at(-1).texts, number(first), number(last), number(last / first)];
  });
  console.log(table(['contender', 'texts', 'second tenth', 'last tenth', 'last / second'], rows));
  return series;
}

function goals({ clients: rounds, priority: query, cancel: aborted, memory: series, start: cold }) {
  const list = [];
  const most = CLIENTS.at(-1);
  const of = (name, value) =>
    (rounds ?? []).filter((round) => round.contender === name && round.clients === most).map(value);
  for (const name of [TRANSFORMERS, PLAIN]) {
    if (of(name, () => 1).length === 0) continue;
    const ratio = (value) => medianRatio(of(OURS, value), of(name, value));
    list.push(
      { label: `${most} callers: texts/s against ${name}`, measured: ratio((r) => r.requests), goal: '≥ 2×' },
      { label: `${most} callers: p99 against ${name}`, measured: ratio((r) => r.p99), goal: '< 1×' },
    );
  }
  if (query) {
    list.push(
      {
        label: 'query beside a bulk job, p99 against idle',
        measured: query.busy.p99 / query.idle.p99,
        goal: '≤ 3×',
      },
      { label: 'event loop beside a bulk job, p99', measured: query.loop.p99, unit: ' ms', goal: '≤ 3 ms' },
    );
  }
  if (aborted)
    list.push({
      label: 'aborting a queued call',
      measured: aborted.milliseconds,
      unit: ' ms',
      goal: '< 1 ms',
    });
  const ours = series?.find(({ contender }) => contender === OURS)?.points;
  if (ours && ours.length >= 20) {
    const tenth = Math.floor(ours.length / 10);
    const mean = (points) => points.reduce((sum, { bytes }) => sum + bytes, 0) / points.length;
    const measured = mean(ours.slice(-tenth)) / mean(ours.slice(tenth, 2 * tenth));
    list.push({ label: 'resident memory, last tenth against the second', measured, goal: '≤ 1.02×' });
  }
  if (cold) {
    list.push({
      label: "cold start to the first vector, beyond Node's own start",
      measured: median(cold.total),
      unit: ' ms',
      goal: '≤ 400 ms',
    });
  }
  return list;
}

console.log(describeMachine(machine()));
const parts = { clients, policy, priority, cancel, memory, start: () => coldStart(ROUNDS * 4, DTYPE) };
const results = {};
for (const [name, measure] of Object.entries(parts)) if (PARTS.has(name)) results[name] = await measure();
const targets = goals(results);
console.log(`\n${targetTable(targets)}`);
save('runtime', { dtype: DTYPE, threads: THREADS, seconds: SECONDS, targets, results });
reportMissing();
