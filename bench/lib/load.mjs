import { fork, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connections } from './http-load.mjs';
import './no-telemetry.mjs';
import { machineBusySeconds } from './proc.mjs';
import { percentile } from './stats.mjs';
import { hasWrk, loadByWrk } from './wrk.mjs';

const benches = new URL('../', import.meta.url);
const file = (name) => fileURLToPath(new URL(name, benches));

/**
 * Starts a program that sends `{ url }` when it listens and ends when its channel does.
 *
 * @returns also `cpu()`: microseconds that its process has computed so far, if the program answers that
 */
export function startServer(name, args) {
  const child = fork(file(name), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const cpu = () =>
    new Promise((resolve) => {
      child.once('message', resolve);
      child.send('cpu');
    });
  return new Promise((resolve, reject) => {
    child.once('message', ({ url, pid }) => {
      const stop = () => new Promise((done) => child.once('exit', done).disconnect());
      resolve({ url, pid, stop, cpu });
    });
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
  });
}

/** Starts a server in Python, with the port to listen on before its other arguments. */
export async function startPython(python, name, args) {
  const port = await freePort();
  const child = spawn(python, [file(name), String(port), ...args], { stdio: ['ignore', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  const stop = () => {
    child.kill();
    return ended;
  };
  for (let patience = 180; patience > 0; patience--) {
    if (
      await fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return { url, stop };
    if (await Promise.race([ended.then(() => true), delay(1000, false)])) break;
  }
  await stop();
  throw new Error(`${name} does not start`);
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

let next = 0;

/** Milliseconds; the least that the server says. */
const RETRY_AFTER = 1000;

/**
 * Keeps `connections` calls in progress for `seconds`, each with another text.
 *
 * @returns also microseconds per request: `busy` of all processors, `own` of this process
 */
async function keepBusy(texts, connections, seconds, call) {
  const times = [];
  let failed = 0;
  const before = { busy: machineBusySeconds(), own: process.cpuUsage() };
  const start = performance.now();
  const end = start + 1000 * seconds;
  const loop = async () => {
    while (performance.now() < end) {
      const sent = performance.now();
      const well = await call(texts[next++ % texts.length]).catch(() => false);
      if (well) times.push(performance.now() - sent);
      else failed++;
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  const duration = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before.own);
  const busy = 1e6 * (machineBusySeconds() - before.busy);
  return {
    ...{ requests: times.length / duration, count: times.length, failed },
    ...{ busy: busy / times.length, own: (user + system) / times.length },
    ...{ p50: percentile(times, 0.5), p99: percentile(times, 0.99) },
  };
}

const bodyOf = (input) => JSON.stringify({ model: 'all-MiniLM-L6-v2', input });

/** What sends the requests of {@link loadHttp}. */
export const client = hasWrk ? 'wrk' : 'plain sockets';

/**
 * Requests over as many connections.
 *
 * @param server `{ url, path, cpu }`; without a path OpenAI's, with `cpu` the result has microseconds per request
 */
export async function loadHttp({ url, path = '/v1/embeddings', cpu }, texts, connections, seconds) {
  const before = await cpu?.();
  const result = hasWrk
    ? await loadByWrk(`${url}${path}`, texts.map(bodyOf), connections, seconds)
    : await loadBySockets({ url, path }, texts, connections, seconds);
  return { ...result, cpu: before === undefined ? undefined : ((await cpu()) - before) / result.count };
}

/** {@link loadHttp} from this process whatever is installed, as {@link loadAtRate} does. */
export async function loadBySockets({ url, path = '/v1/embeddings' }, texts, connections, seconds) {
  const pool = new Connections(`${url}${path}`);
  const result = await keepBusy(texts, connections, seconds, async (input) => {
    return (await pool.post(bodyOf(input))) === 200;
  });
  pool.close();
  return result;
}

/** The same load without HTTP. */
export async function loadInProcess(model, texts, connections, seconds) {
  const result = await keepBusy(texts, connections, seconds, async (text) => {
    await model.encode(text);
    return true;
  });
  return { ...result, cpu: result.own };
}

/**
 * Requests at a fixed rate for some seconds, whether answers come or not: what clients that do not know of each other
 * send.
 *
 * @param opened connections that are there before the first request; 0: each is opened when a request finds none
 * @returns one { sent, ms, status } per request in the order of their ends; status 0 for a connection that broke
 */
export async function loadAtRate(
  { url, path = '/v1/embeddings' },
  texts,
  rate,
  seconds,
  { onTick, opened = 0 } = {},
) {
  const pool = new Connections(`${url}${path}`, opened > 0 ? Number.POSITIVE_INFINITY : undefined);
  await pool.open(opened);
  const done = [];
  const pending = new Set();
  const start = performance.now();
  const post = async () => {
    const sent = performance.now();
    const input = `${texts[next++ % texts.length]} ${next}`;
    const status = await pool.post(bodyOf(input)).catch(() => 0);
    done.push({ sent: sent - start, ms: performance.now() - sent, status });
  };
  for (let count = 0; ; ) {
    const elapsed = (performance.now() - start) / 1000;
    if (elapsed >= seconds) break;
    for (; count < elapsed * rate; count++) {
      const request = post().finally(() => pending.delete(request));
      pending.add(request);
    }
    onTick?.(elapsed);
    await delay(2);
  }
  await Promise.all(pending);
  pool.close();
  return done;
}

/**
 * Clients with a connection each, opened before, that send one request after the other; who is refused comes back after
 * `retry-after`, give or take half of it.
 *
 * @returns one { sent, ms, status } per request in the order of their ends
 */
export async function loadPolitely({ url, path = '/v1/embeddings' }, texts, clients, seconds) {
  const pool = new Connections(`${url}${path}`, Number.POSITIVE_INFINITY);
  await pool.open(clients);
  const done = [];
  const start = performance.now();
  const end = start + 1000 * seconds;
  const client = async () => {
    while (performance.now() < end) {
      const sent = performance.now();
      const input = `${texts[next++ % texts.length]} ${next}`;
      const status = await pool.post(bodyOf(input)).catch(() => 0);
      done.push({ sent: sent - start, ms: performance.now() - sent, status });
      if (status !== 200) await delay(RETRY_AFTER * (0.5 + Math.random()));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  pool.close();
  return done;
}
