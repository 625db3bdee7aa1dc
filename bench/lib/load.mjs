import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { peersFolder } from './machine.mjs';

/** Starts a program that sends `{ url }` when it listens and ends when its channel does. */
export function startServer(file, args) {
  const child = fork(fileURLToPath(new URL(`../${file}`, import.meta.url)), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', ({ url }) => {
      const stop = () => new Promise((done) => child.once('exit', done).disconnect());
      resolve({ url, stop });
    });
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
}

/** Spread of a list of milliseconds. */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/**
 * Keeps `connections` requests in flight for `seconds`, each with another text.
 *
 * Not with texts in a cycle per connection, autocannon's usual way: all connections would send the same text at
 * the same time, and a server that computes it once would look better than it is.
 */
export async function loadHttp(url, texts, connections, seconds) {
  const autocannon = createRequire(peersFolder)('autocannon');
  let next = 0;
  const result = await autocannon({
    ...{ url, connections, duration: seconds, pipelining: 1, timeout: 60 },
    requests: [
      {
        ...{ method: 'POST', path: '/v1/embeddings', headers: { 'content-type': 'application/json' } },
        setupRequest: (request) => ({
          ...request,
          body: JSON.stringify({ model: 'all-MiniLM-L6-v2', input: texts[next++ % texts.length] }),
        }),
      },
    ],
  });
  const failed = result.errors + result.timeouts + result.non2xx;
  const { p50, p99 } = result.latency;
  return { requests: result['2xx'] / result.duration, p50, p99, failed };
}

/** The same load without HTTP: as many loops as connections. */
export async function loadInProcess(model, texts, connections, seconds) {
  let next = 0;
  const times = [];
  const end = performance.now() + 1000 * seconds;
  const start = performance.now();
  const loop = async () => {
    while (performance.now() < end) {
      const sent = performance.now();
      await model.encode(texts[next++ % texts.length]);
      times.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
  const duration = (performance.now() - start) / 1000;
  times.sort((a, b) => a - b);
  return {
    ...{ requests: times.length / duration, p50: percentile(times, 0.5), p99: percentile(times, 0.99) },
    failed: 0,
  };
}
