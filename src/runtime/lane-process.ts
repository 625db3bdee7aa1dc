import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type FromLane, fromWire, type ToLane } from './protocol.js';

/** How much of a lane's stderr is kept for the message of the error that reports its death. */
const STDERR_TAIL = 2000;

/** A lane ended while calls were waiting for it; the supervisor decides whether they are tried again. */
export class LaneDied extends Error {
  override name = 'LaneDied';
}

interface PendingCall {
  resolve(value: unknown): void;
  reject(error: Error): void;
  onEvent: ((value: unknown) => void) | undefined;
}

/**
 * The main side of one lane: a child process that answers calls.
 *
 * A child process and not a worker thread, because onnxruntime-node aborts the whole process when a thread
 * that is inside `run()` ends (`worker.terminate()`, `process.exit()`, an uncaught exception).
 *
 * The child, its channel and its stderr keep the event loop alive only while calls are pending, so that an
 * idle lane never holds up the end of a program. The child watches the channel and ends with its parent.
 */
export class LaneProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PendingCall>();
  readonly #closed: Promise<void>;
  #nextId = 0;
  #stderr = '';
  #killed = false;
  #dead: LaneDied | undefined;

  /** @param entry module that the lane runs; it calls `serveLane` */
  constructor(entry: URL) {
    this.#child = fork(fileURLToPath(entry), [], {
      // The user's loaders, inspectors and flags are for their code; `--inspect` would even collide.
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '', GLIBC_TUNABLES: hugePages(process.env.GLIBC_TUNABLES) },
      serialization: 'advanced',
      // Native code writes to stdout and stderr as it likes: none of it may reach the user's output.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.on('message', (message) => this.#receive(message as FromLane));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL);
    });
    this.#closed = new Promise((resolve) => {
      // 'close' and not 'exit': only then has all of stderr arrived.
      this.#child.once('close', (code, signal) => {
        this.#die(signal ? `was ended by ${signal}` : `exited with code ${code}`);
        resolve();
      });
      this.#child.on('error', (error) => {
        // A failed spawn has no 'close'; after a failed send or kill of a live child, 'close' still comes.
        if (this.#child.pid !== undefined) return;
        this.#die(`could not be started: ${error.message}`);
        resolve();
      });
    });
    this.#hold(false);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get dead(): boolean {
    return this.#dead !== undefined;
  }

  /**
   * Calls `method` in the lane.
   *
   * @param onEvent receives what the lane reports before the result
   * @returns what the handler returned; rejects with the handler's error, or with {@link LaneDied}
   */
  call(method: string, params: unknown, onEvent?: (value: never) => void): Promise<unknown> {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onEvent: onEvent as PendingCall['onEvent'] });
      if (this.#pending.size === 1) this.#hold(true);
      void this.#send({ kind: 'call', id, method, params });
    });
  }

  /** Tells the lane something that has no answer. Resolves when the message has left this process. */
  note(method: string, params: unknown): Promise<void> {
    return this.#send({ kind: 'note', method, params });
  }

  /** Ends the lane at once, also in the middle of a run: it holds nothing that would need saving. */
  async kill(): Promise<void> {
    if (this.#dead) return;
    this.#hold(true);
    this.#killed = true;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  #send(message: ToLane): Promise<void> {
    return new Promise((resolve) => {
      // A send fails only when the lane is gone, or never came; its end then rejects whatever waits for it.
      if (this.#child.connected) this.#child.send(message, () => resolve());
      else resolve();
    });
  }

  #receive(message: FromLane): void {
    const call = this.#pending.get(message.id);
    if (!call) return;
    if (message.kind === 'event') {
      call.onEvent?.(message.value);
      return;
    }
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#hold(false);
    if (message.kind === 'result') call.resolve(message.value);
    else call.reject(fromWire(message.error));
  }

  #die(how: string): void {
    if (this.#dead) return;
    const tail = this.#stderr.trim();
    this.#dead = new LaneDied(`The model's process ${how}${tail && `; its last output was:\n${tail}`}`);
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of calls) call.reject(this.#dead);
  }

  #hold(on: boolean): void {
    // An answer that was under way at the kill must not let the loop end before the child's end is known.
    if (this.#killed) return;
    hold(this.#child, on);
    if (this.#child.channel) hold(this.#child.channel, on);
    if (this.#child.stderr) hold(this.#child.stderr, on);
  }
}

/**
 * glibc's setting that puts large allocations on 2 MB pages where the kernel allows it: weights and activations
 * are walked with strides that miss the TLB on 4 kB pages. Measured 6–8 % faster. Other C libraries ignore it.
 */
function hugePages(tunables: string | undefined): string {
  if (tunables?.includes('glibc.malloc.hugetlb')) return tunables;
  return [tunables, 'glibc.malloc.hugetlb=1'].filter(Boolean).join(':');
}

function hold(handle: object, on: boolean): void {
  // The typings of a pipe that is a child's stderr lack both methods; sockets have them.
  const { ref, unref } = handle as { ref(): void; unref(): void };
  (on ? ref : unref).call(handle);
}
