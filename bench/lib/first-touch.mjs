import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/**
 * Lets `threads` threads write `bytes` of memory that the process did not have before, each its part, and then once
 * more: what nobody who fills fresh memory can beat, and what the same costs where the pages are there.
 *
 * @returns {Promise<{ memory: SharedArrayBuffer, fresh: number, again: number }>} milliseconds. Who keeps `memory` keeps
 *   its pages from being given to whatever is measured next.
 */
export async function firstTouch(bytes, threads) {
  const memory = new SharedArrayBuffer(bytes);
  const part = Math.ceil(bytes / threads);
  const workers = Array.from({ length: threads }, (_, i) => {
    const start = Math.min(bytes, i * part);
    const length = Math.min(part, bytes - start);
    return new Worker(new URL(import.meta.url), { workerData: { memory, start, length } });
  });
  try {
    const said = () => Promise.all(workers.map((worker) => once(worker, 'message')));
    await said();
    const times = [];
    for (const value of [1, 2]) {
      const answers = said();
      const began = performance.now();
      for (const worker of workers) worker.postMessage(value);
      await answers;
      times.push(performance.now() - began);
    }
    return { memory, fresh: times[0], again: times[1] };
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

if (!isMainThread) {
  const { memory, start, length } = workerData;
  const own = new Uint8Array(memory, start, length);
  parentPort.on('message', (value) => {
    own.fill(value);
    parentPort.postMessage('written');
  });
  parentPort.postMessage('ready');
}
