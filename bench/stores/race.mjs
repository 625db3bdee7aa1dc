import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { progress } from '../lib/progress.mjs';
import { DIMS } from './records.mjs';

const run = promisify(execFile);

/**
 * One way to load records into the table of an engine.
 *
 * @typedef {object} Route
 * @property {string} name how tables call it
 * @property {(records: object[]) => Promise<unknown>} [load] timed from here
 * @property {(records: object[]) => Promise<number>} [timedLoad] resolves to seconds: a process that starts first
 * @property {boolean} [documented] whether the engine's documentation has it, as a goal for ours
 * @property {number} [rows] how many of the records, for a way that is too slow for all of them
 * @property {boolean} [replaces] whether it finds the records of the route before
 * @property {number} [atLeast] how many times faster ours should be
 */

/**
 * An engine that runs, and its routes; the first is ours.
 *
 * @typedef {object} Engine
 * @property {string} name
 * @property {import('embedlane/stores').VectorStore} store of the table that all routes load
 * @property {Route[]} routes
 * @property {Record<string, string>} versions
 * @property {() => Promise<unknown>} [settle] lets the engine finish what it does later
 * @property {() => Promise<unknown>} stop
 */

/**
 * All routes in turn, round by round, each into an empty table; what it has stored is compared with the records.
 *
 * @param {Engine} engine
 * @param {object[]} records
 * @param {number} rounds
 */
export async function race({ name, store, routes, settle }, records, rounds) {
  const results = routes.map((route) => ({ name: route.name, rounds: [] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [i, route] of routes.entries()) {
      progress(`${name}: round ${round} of ${rounds}, ${route.name}`);
      const given = records.slice(0, route.rows);
      if (!route.replaces) {
        await store.drop();
        await store.create({ dims: DIMS, index: { type: 'flat' } });
      }
      await settle?.();
      results[i].rounds.push({ seconds: await secondsOf(route, given), rows: given.length });
      await requireStored(store, route.name, given);
    }
  }
  return results;
}

async function secondsOf({ load, timedLoad }, records) {
  if (timedLoad !== undefined) return timedLoad(records);
  const started = performance.now();
  await load(records);
  return (performance.now() - started) / 1000;
}

/** Seconds for one record, round by round. */
export const costs = ({ rounds }) => rounds.map(({ seconds, rows }) => seconds / rows);

/** The number of records, and the first, the last and one between. */
async function requireStored(store, name, records) {
  assert.equal(await store.count(), records.length, `${name}: count`);
  const wanted = [0, 0.5, 1].map((share) => records[Math.floor(share * (records.length - 1))]);
  const ids = wanted.map(({ id }) => id);
  const found = await store.get(ids, { include: ['vector', 'document', 'metadata'] });
  for (const [i, { id, vector, document, metadata }] of wanted.entries()) {
    assert(found[i], `${name}: ${id} is not there`);
    assert.equal(found[i].document, document, `${name}: document of ${id}`);
    assert.deepEqual({ ...found[i].metadata }, metadata, `${name}: metadata of ${id}`);
    assert.equal(found[i].vector.length, vector.length, `${name}: vector of ${id}`);
    const error = Math.max(...vector.map((value, at) => Math.abs(value - found[i].vector[at])));
    assert(error < 1e-6, `${name}: vector of ${id} differs by ${error}`);
  }
}

/** A script of `peers/`, called with these arguments, the number of records and their dimensions; it prints seconds. */
export function byPython(python, script, ...args) {
  const path = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  return async (records) => {
    const { stdout } = await run(python, [path, ...args, String(records.length), String(DIMS)]);
    return Number(stdout);
  };
}
