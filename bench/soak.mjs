/**
 * What a server lives through, at full scale: lanes that are killed again and again, calls that are aborted at random
 * moments, and memory over many texts of mixed lengths. Exits with 1 if anything is lost, hangs or grows.
 *
 *   node bench/soak.mjs [--only kills,aborts,memory] [--batches 1000] [--aborts 10000] [--texts 100000]
 *     [--model ./folder] [--dtype int8] [--seed 1]
 */
import { parseArgs } from 'node:util';
import { TextEmbedder } from '../dist/index.js';
import { residentBytes, tree } from './lib/proc.mjs';
import { progress, progressDone } from './lib/progress.mjs';
import { save } from './lib/report.mjs';
import { mean } from './lib/stats.mjs';
import { number } from './lib/table.mjs';
import { mixedParagraphs, modelId } from './lib/texts.mjs';

const { values: chosen } = parseArgs({
  options: {
    only: { type: 'string', default: 'kills,aborts,memory' },
    batches: { type: 'string', default: '1000' },
    aborts: { type: 'string', default: '10000' },
    texts: { type: 'string', default: '100000' },
    model: { type: 'string', default: modelId },
    dtype: { type: 'string', default: 'int8' },
    seed: { type: 'string', default: '1' },
  },
});

/** Milliseconds after which a promise that has not settled counts as hanging. */
const PATIENCE = 120_000;
/** Most that the last tenth may need above the first. */
const GROWTH = 1.02;

const { texts: paragraphs } = await mixedParagraphs(512);
let state = Number(chosen.seed);
/** Uniform in [0, 1): Park and Miller's minimal standard. */
function random() {
  state = (state * 48_271) % 0x7fffffff;
  return state / 0x7fffffff;
}
const pick = (list) => list[Math.floor(random() * list.length)];
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const load = (more) => TextEmbedder.load(chosen.model, { dtype: chosen.dtype, ...more });

const faults = [];
function check(right, what) {
  if (right) return;
  faults.push(what);
  console.error(`\nFAULT: ${what}`);
}

/** Rejects if `promise` does not settle. */
function settles(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const lanesOf = (pid) => tree(pid).filter((member) => member !== pid);
const same = (row, expected) => row.every((value, i) => Math.abs(value - expected[i]) < 1e-3);

/** Kills lanes at random moments, one for every batch that has ended, so that some do; each gives its rows, or says that its lane died twice. */
async function kills() {
  const total = Number(chosen.batches);
  const model = await load();
  const expected = await model.encode(paragraphs);
  const outcomes = { done: 0, refused: 0, wrong: 0 };
  let killed = 0;
  let running = true;
  const killer = (async () => {
    while (running) {
      await sleep(random() * 300);
      if (killed > outcomes.done + outcomes.refused) continue;
      const victims = lanesOf(process.pid);
      if (!running || victims.length === 0) continue;
      try {
        process.kill(pick(victims), 'SIGKILL');
        killed++;
      } catch {
        // It ended by itself.
      }
    }
  })();
  const caller = async () => {
    while (outcomes.done + outcomes.refused < total) {
      progress(`kills: ${outcomes.done + outcomes.refused} of ${total} batches, ${killed} kills`);
      const places = Array.from({ length: 1 + Math.floor(random() * 16) }, () => Math.floor(random() * 512));
      try {
        const rows = await settles(model.encode(places.map((place) => paragraphs[place])), 'a batch');
        outcomes.done++;
        if (!places.every((place, i) => same(rows.row(i), expected.row(place)))) outcomes.wrong++;
      } catch (error) {
        outcomes.refused++;
        check(error.code === 'ERR_RUNTIME', `a batch under kills rejects with ${error.code ?? error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 4 }, caller));
  running = false;
  await killer;
  progressDone();
  check(outcomes.wrong === 0, `${outcomes.wrong} batches have wrong rows`);
  const after = await settles(model.encode(paragraphs.slice(0, 4)), 'a call after the kills');
  check(same(after.row(3), expected.row(3)), 'rows after the kills are others');
  await model.close();
  await sleep(500);
  check(lanesOf(process.pid).length === 0, 'lanes are left over after close');
  console.log(
    `kills: ${killed} over ${total} batches; ${outcomes.done} done, ${outcomes.refused} refused with ERR_RUNTIME`,
  );
  return { killed, ...outcomes };
}

/** Calls of all sizes, aborted at random moments; none hangs, and what is not aborted in time is right. */
async function aborts() {
  const total = Number(chosen.aborts);
  const model = await load({ maxQueue: 100_000 });
  const expected = await model.encode(paragraphs);
  const outcomes = { done: 0, aborted: 0 };
  let left = total;
  const caller = async () => {
    while (left-- > 0) {
      if (left % 100 === 0) progress(`aborts: ${total - left} of ${total}`);
      const stop = new AbortController();
      const length = random() < 0.02 ? 200 : 1 + Math.floor(random() * 3);
      const from = Math.floor(random() * (512 - length));
      const timer = setTimeout(() => stop.abort(), random() * random() * 1000);
      try {
        const call = model.encode(paragraphs.slice(from, from + length), { signal: stop.signal });
        const rows = await settles(call, 'an aborted call');
        outcomes.done++;
        check(same(rows.row(0), expected.row(from)), 'a call among aborted ones has wrong rows');
      } catch (error) {
        outcomes.aborted++;
        check(error.code === 'ERR_ABORTED', `an aborted call rejects with ${error.code ?? error}`);
      }
      clearTimeout(timer);
    }
  };
  await Promise.all(Array.from({ length: 32 }, caller));
  progressDone();
  const { active, waiting, running } = model.stats();
  check(
    active + waiting + running === 0,
    `left over: ${active} active, ${waiting} waiting, ${running} running`,
  );
  await settles(model.encode('after'), 'a call after the aborts');
  await model.close();
  console.log(`aborts: ${outcomes.aborted} of ${total} calls aborted, ${outcomes.done} done before`);
  return outcomes;
}

/** Resident memory of the program and its lanes over texts of mixed lengths. */
async function memory() {
  const total = Number(chosen.texts);
  const model = await load();
  // With all lanes that it will have.
  while (model.stats().lanes.alive < 2 && model.stats().texts < 4096) await model.encode(paragraphs);
  // All texts are there before: to cut them as they are needed is garbage of the benchmark's own.
  const parts = Array.from({ length: Math.ceil(total / 256) }, () =>
    Array.from({ length: 256 }, () => {
      const words = pick(paragraphs).split(' ');
      return words.slice(0, 1 + Math.floor(random() * words.length)).join(' ');
    }),
  );
  const points = [];
  const started = performance.now();
  for (const [i, part] of parts.entries()) {
    const done = 256 * i;
    await settles(model.encode(part), 'a part');
    points.push({
      texts: done + 256,
      bytes: residentBytes(process.pid),
      /** Of it the program's own process, whose garbage comes and goes. */
      own: residentBytes(process.pid, [process.pid]),
      lanes: model.stats().lanes.alive,
    });
    progress(`memory: ${done} of ${total} texts, ${number(points.at(-1).bytes / 1e6)} MB`);
  }
  progressDone();
  const seconds = (performance.now() - started) / 1000;
  await model.close();
  const tenth = Math.max(1, Math.floor(points.length / 10));
  const level = (part) => mean(part.map(({ bytes }) => bytes)) / 1e6;
  const [first, last] = [level(points.slice(0, tenth)), level(points.slice(-tenth))];
  check(last <= GROWTH * first, `memory grows from ${number(first)} to ${number(last)} MB`);
  console.log(
    `memory: ${number(first)} MB in the first tenth of ${total} texts, ${number(last)} MB in the last ` +
      `(${number(last / first)}×), ${number(total / seconds)} texts/s`,
  );
  return { first, last, points };
}

const parts = { kills, aborts, memory };
const results = {};
for (const name of chosen.only.split(',')) results[name] = await parts[name]();
save('soak', { model: chosen.model, seed: Number(chosen.seed), dtype: chosen.dtype, results, faults });
console.log(faults.length === 0 ? 'No faults.' : `${faults.length} FAULTS, see above.`);
process.exitCode = faults.length === 0 ? 0 : 1;
