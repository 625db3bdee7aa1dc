import type { ChildProcess } from 'node:child_process';
import { isMainThread, workerData } from 'node:worker_threads';

/** Programs that a lane's thread can have running at a time and still be sure of their end. */
const SLOTS = 64;

/**
 * What a lane in a thread has started: its process ids, in shared memory. A thread that is ended has no moment left in which
 * it could end a program that hangs, and the program that ends itself has no event loop in which a thread could tell.
 */
export class ThreadChildren {
  readonly #cells = new Int32Array(new SharedArrayBuffer(4 * SLOTS));

  /** For {@link registerChild}, as `workerData.children` of the thread. */
  get shared(): Int32Array {
    return this.#cells;
  }

  /** Ends those that run, when the thread has ended or is about to. */
  end(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      const pid = Atomics.exchange(this.#cells, slot, 0);
      if (pid === 0) continue;
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
  }
}

/** Lets the program know of a process that this thread, if it is a lane's, has started. */
export function registerChild(child: ChildProcess): void {
  const cells: Int32Array | undefined = isMainThread ? undefined : workerData?.children;
  const { pid } = child;
  if (!cells || pid === undefined) return;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (Atomics.compareExchange(cells, slot, 0, pid) !== 0) continue;
    child.once('exit', () => Atomics.compareExchange(cells, slot, pid, 0));
    return;
  }
}
