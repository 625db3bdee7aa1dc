/**
 * Changes an index while calls of the system fail (see failing-calls.c), each of them in turn, and says what came of it.
 *
 *   node failing-calls-child.mjs <folder> <plan file> <JSON: [{ calls, error, times, step? }]>
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { cp, readdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { EmbedlaneError, FlatIndex } from 'embedlane';

const CALLS = ['openRead', 'openWrite', 'read', 'write', 'sync', 'rename', 'truncate', 'lock', 'map'];
CALLS.push('makeFolder', 'list', 'remove');
const TIMES = { once: 1, lasting: 2 ** 30, alternating: -1 };

const [folder, planFile, cases] = process.argv.slice(2);
const plans = openSync(planFile, 'r+');

/** Has the calls fail of which `skip` have worked; by default none. */
function plan({ calls = [], error = null, times = 'once' } = {}, skip = 0) {
  const set = calls.reduce((all, call) => all | (1 << CALLS.indexOf(call)), 0);
  const number = error === null ? 0 : constants.errno[error];
  writeSync(plans, Int32Array.of(set, number, skip, TIMES[times], 0), 0, 20, 0);
}

/** Whether the one that was to fail came at all. */
function happened(skip) {
  const state = new Int32Array(5);
  readSync(plans, state, 0, 20, 0);
  return state[4] > skip;
}

const original = join(folder, 'original');
const trial = join(folder, 'trial');
const other = join(folder, 'trial-of-others', 'index');
const row = { data: Float32Array.of(1, 2), rows: 1, dims: 2 };

/** Every way to change an index. `reached` is told what it holds, when that is asked for and when it is on the disk. */
async function change(mode, reached) {
  const index = await FlatIndex.open(trial, { mode, verify: 'full' });
  const acknowledge = async (operation) => {
    const ids = [...index.ids()].join();
    reached(ids, false);
    await operation();
    reached(ids, true);
  };
  try {
    index.add(row, ['new']);
    await acknowledge(() => index.flush());
    index.remove('a');
    await acknowledge(() => index.compact());
    index.add(row, ['last']);
  } finally {
    await acknowledge(() => index.close());
  }
  const made = new FlatIndex({ dims: 2 });
  made.add(row, ['x']);
  await made.save(other);
}

/** What is there afterwards: the ids, or the code of the error. */
async function found(path) {
  try {
    const index = await FlatIndex.open(path, { verify: 'full', readOnly: true });
    const ids = [...index.ids()].join();
    await index.close();
    return ids;
  } catch (error) {
    if (!(error instanceof EmbedlaneError)) throw error;
    return error.code;
  }
}

async function once(planned, skip, mode) {
  plan();
  for (const path of [trial, join(folder, 'trial-of-others')])
    await rm(path, { recursive: true, force: true });
  await cp(original, trial, { recursive: true });
  let legal = ['a,b'];
  plan(planned, skip);
  const error = await change(mode, (ids, acknowledged) => {
    legal = acknowledged ? [ids] : [...legal, ids];
  }).then(
    () => null,
    ({ name, code, message }) => ({ name, code, message }),
  );
  const came = happened(skip);
  plan();
  const now = { trial: await found(trial), other: await found(other) };
  // And it can be changed again, which also tidies up.
  const index = await FlatIndex.open(trial, { readOnly: false });
  index.add(row, ['after']);
  await index.compact();
  await index.close();
  return { came, error, legal, now, after: await found(trial), files: (await readdir(trial)).length };
}

const outcomes = [];
for (const planned of JSON.parse(cases)) {
  const runs = [];
  const more = () => (planned.times === 'alternating' ? runs.length < 2 : (runs.at(-1)?.came ?? true));
  for (let skip = 0; more(); skip += planned.step ?? 1) {
    runs.push(await once(planned, skip, skip % 2 === 0 ? 'mmap' : 'memory'));
  }
  outcomes.push({ planned, runs });
}
closeSync(plans);
console.log(JSON.stringify(outcomes));
