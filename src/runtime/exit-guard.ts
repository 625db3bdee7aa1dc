import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, workerData } from 'node:worker_threads';
import type * as ort from 'onnxruntime-node';

/**
 * Keeps a lane's thread from being ended while it is inside onnxruntime: the library then throws where nobody can
 * catch it, which aborts the whole process.
 *
 * Two cells of shared memory, written in opposite order by the two sides: a thread that finds STOP unset after it
 * has set BUSY is waited for, and one that finds it set never enters.
 */
const BUSY = 0;
const STOP = 1;

/** Milliseconds between two looks at a thread that is to be ended. */
const POLL = 2;

/** What the program knows of a lane's thread. */
export class ExitGuard {
  readonly #cells = new Int32Array(new SharedArrayBuffer(8));

  /** For {@link guarded}, as `workerData.guard` of the thread. */
  get shared(): Int32Array {
    return this.#cells;
  }

  /** Lets the thread enter onnxruntime no more, and waits until it is outside. */
  async stop(): Promise<void> {
    Atomics.store(this.#cells, STOP, 1);
    while (Atomics.load(this.#cells, BUSY) > 0) await delay(POLL);
  }

  /** {@link stop} while the process ends, when no event loop turns: sleeps until the run in progress is over. */
  stopSync(): void {
    Atomics.store(this.#cells, STOP, 1);
    for (;;) {
      const busy = Atomics.load(this.#cells, BUSY);
      if (busy === 0) return;
      Atomics.wait(this.#cells, BUSY, busy);
    }
  }
}

/** Runs `work`, which is inside onnxruntime, unless this is a thread that is being ended: then it never settles. */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  const cells: Int32Array | undefined = isMainThread ? undefined : workerData?.guard;
  if (!cells) return work();
  Atomics.add(cells, BUSY, 1);
  if (Atomics.load(cells, STOP) !== 0) {
    leave(cells);
    return new Promise(() => {});
  }
  try {
    return await work();
  } finally {
    leave(cells);
  }
}

/** Runs a graph, {@link guarded}. The event loop turns before the run but not during it. */
export function runGraph(
  session: ort.InferenceSession,
  feeds: Record<string, ort.Tensor>,
  outputs: readonly string[],
): Promise<ort.InferenceSession.OnnxValueMapType> {
  return guarded(() => session.run(feeds, [...outputs]));
}

function leave(cells: Int32Array): void {
  Atomics.sub(cells, BUSY, 1);
  Atomics.notify(cells, BUSY);
}
