import { isMainThread, Worker } from 'node:worker_threads';
import { EmbedlaneError } from '../core/errors.js';
import { ExitGuard } from './exit-guard.js';
import { LaneHandle } from './lane-handle.js';
import type { FromLane, ToLane } from './protocol.js';
import { disableTelemetry } from './telemetry.js';
import { ThreadChildren } from './thread-children.js';

/** Threads that are alive. */
const threads = new Set<{ guard: ExitGuard; children: ThreadChildren }>();

/**
 * A lane in a worker thread, for where child processes are not allowed.
 *
 * Weaker than a process: a crash of native code is the program's, and the end of the program waits for the run in
 * progress (see {@link ExitGuard}).
 */
export class LaneThread extends LaneHandle {
  readonly #worker: Worker;
  readonly #guard = new ExitGuard();
  readonly #children = new ThreadChildren();
  readonly #ended: Promise<void>;

  /**
   * @param entry module that the lane runs; it calls `serveLane`
   * @param onDeath see {@link LaneHandle}
   * @throws {EmbedlaneError} `ERR_RUNTIME` in a worker thread, whose end nothing could hold up
   */
  constructor(entry: URL, onDeath: () => void) {
    super(onDeath);
    if (!isMainThread) {
      throw new EmbedlaneError(
        'ERR_RUNTIME',
        'Expected the main thread for a lane that is a thread but this is a worker thread, whose end would abort ' +
          'the process; allow child processes (--allow-child-process), or load the model on the main thread',
      );
    }
    disableTelemetry();
    this.#worker = new Worker(entry, {
      workerData: { guard: this.#guard.shared, children: this.#children.shared },
      execArgv: [],
      // Nothing that JavaScript prints there may reach the user's output; native code's cannot be held back.
      stdout: true,
      stderr: true,
    });
    this.#worker.on('message', (message) => this.receive(message as FromLane));
    this.#worker.on('error', (error) => this.die(`The model's thread failed: ${error.message}`));
    const thread = { guard: this.#guard, children: this.#children };
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        threads.delete(thread);
        this.#children.end();
        this.die(`The model's thread exited with code ${code}`);
        resolve();
      });
    });
    watchExit();
    threads.add(thread);
    this.hold(false);
  }

  get pid(): undefined {
    return undefined;
  }

  /** Waits for the run in progress, and lets none follow. */
  async kill(): Promise<void> {
    if (this.dead) return;
    this.hold(true);
    this.killed = true;
    await this.#guard.stop();
    await this.#worker.terminate();
    await this.#ended;
  }

  protected async post(message: ToLane): Promise<void> {
    this.#worker.postMessage(message);
  }

  protected hold(on: boolean): void {
    // As in a process: the answer that comes during a kill must not let the loop end.
    if (this.killed) return;
    if (on) this.#worker.ref();
    else this.#worker.unref();
  }
}

let watching = false;

function watchExit(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const { guard, children } of threads) {
      guard.stopSync();
      children.end();
    }
  });
}
