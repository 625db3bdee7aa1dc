import type { ChildProcess } from 'node:child_process';
import { isMainThread, workerData } from 'node:worker_threads';

/** Programs that a lane's thread can have running at a time and still be sure of their end. */
const SLOTS = 64;

/** The cell after those, with the number of programs that are being started. */
const STARTING = SLOTS;

/** Milliseconds in which the system starts a program, also on a busy machine. */
const START = 500;

/**
 * What a lane in a thread has started: its process ids, in shared memory. A thread that is ended has no moment left in which
 * it could end a program that hangs, and the program that ends itself has no event loop in which a thread could tell.
 */
export class ThreadChildren {
  readonly #cells = new Int32Array(new SharedArrayBuffer(4 * (SLOTS + 1)));

  /** For {@link startChild}, as `workerData.children` of the thread. */
  get shared(): Int32Array {
    return this.#cells;
  }

  /** Ends those that run, when the thread has ended or is about to. */
  end(): void {
    this.#awaitStarts();
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

  /** Nobody has written down yet what is being started. A thread that has ended meanwhile never will. */
  #awaitStarts(): void {
    const end = performance.now() + START;
    for (let starting = 1; starting > 0 && performance.now() < end; ) {
      starting = Atomics.load(this.#cells, STARTING);
      if (starting > 0) Atomics.wait(this.#cells, STARTING, starting, end - performance.now());
    }
  }
}

/**
 * Starts a process by `start` and, if this thread is a lane's, lets the program know of it: the program is not ended
 * between the one and the other.
 */
export function startChild<T extends ChildProcess>(start: () => T): T {
  const cells: Int32Array | undefined = isMainThread ? undefined : workerData?.children;
  if (!cells) return start();
  Atomics.add(cells, STARTING, 1);
  try {
    const child = start();
    register(cells, child);
    return child;
  } finally {
    Atomics.sub(cells, STARTING, 1);
    Atomics.notify(cells, STARTING);
  }
}

function register(cells: Int32Array, child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  for (let slot = 0; slot < SLOTS; slot++) {
    if (Atomics.compareExchange(cells, slot, 0, pid) !== 0) continue;
    child.once('exit', () => Atomics.compareExchange(cells, slot, pid, 0));
    return;
  }
}
