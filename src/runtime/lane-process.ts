import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LaneHandle } from './lane-handle.js';
import { endGroup, OWN_GROUP } from './process-group.js';
import type { FromLane, ToLane } from './protocol.js';
import { withoutTelemetry } from './telemetry.js';

/**
 * Megabytes for young objects. By default V8 doubles them up to 16 as texts go by, twice over, and gives them back when
 * nothing comes any more; a lane's small objects live for a batch.
 */
const YOUNG_SPACE = '--max-semi-space-size=2';

/** How much of a lane's stderr is kept for the message of the error that reports its death. */
const STDERR_TAIL = 2000;

/**
 * A lane in a child process.
 *
 * A child process and not a worker thread, because onnxruntime-node aborts the whole process when a thread
 * that is inside `run()` ends (`worker.terminate()`, `process.exit()`, an uncaught exception). The child watches the
 * channel and ends with its parent.
 */
export class LaneProcess extends LaneHandle {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #stderr = '';

  /**
   * @param entry module that the lane runs; it calls `serveLane`
   * @param onDeath see {@link LaneHandle}
   */
  constructor(entry: URL, onDeath: () => void) {
    super(onDeath);
    this.#child = fork(fileURLToPath(entry.href), [], {
      // The user's loaders, inspectors and flags are for their code; `--inspect` would even collide.
      execArgv: ['--expose-gc', YOUNG_SPACE],
      cwd: workingDirectory(),
      detached: OWN_GROUP,
      env: {
        ...withoutTelemetry(process.env),
        NODE_OPTIONS: plugAndPlay(process.env.NODE_OPTIONS),
        GLIBC_TUNABLES: allocation(process.env.GLIBC_TUNABLES),
      },
      serialization: 'advanced',
      // Native code writes to stdout and stderr as it likes: none of it may reach the user's output.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.on('message', (message) => this.receive(message as FromLane));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL);
    });
    this.#child.once('exit', () => {
      const { pid } = this.#child;
      if (OWN_GROUP && pid !== undefined) endGroup(pid);
    });
    this.#closed = new Promise((resolve) => {
      // 'close' and not 'exit': only then has all of stderr arrived.
      this.#child.once('close', (code, signal) => {
        this.#ended(signal ? `was ended by ${signal}` : `exited with code ${code}`);
        resolve();
      });
      this.#child.on('error', (error) => {
        // A failed spawn has no 'close'; after a failed send or kill of a live child, 'close' still comes.
        if (this.#child.pid !== undefined) return;
        this.#ended(`could not be started: ${error.message}`);
        resolve();
      });
    });
    this.hold(false);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Also in the middle of a run. */
  async kill(): Promise<void> {
    if (this.dead) return;
    this.hold(true);
    this.killed = true;
    this.#child.kill('SIGKILL');
    await this.#closed;
  }

  protected post(message: ToLane): Promise<void> {
    return new Promise((resolve) => {
      // A send fails only when the lane is gone, or never came; its end then rejects whatever waits for it.
      if (this.#child.connected) this.#child.send(message, () => resolve());
      else resolve();
    });
  }

  protected hold(on: boolean): void {
    // An answer that was under way at the kill must not let the loop end before the child's end is known.
    if (this.killed) return;
    hold(this.#child, on);
    if (this.#child.channel) hold(this.#child.channel, on);
    if (this.#child.stderr) hold(this.#child.stderr, on);
  }

  #ended(how: string): void {
    const tail = this.#stderr.trim();
    this.die(
      `The model's process ${how}${tail && `; its last output was:\n${tail}`}`,
      this.pid !== undefined,
    );
  }
}

/** Another one where the program's has been deleted, in which sharp would not load; all paths that lanes are told are absolute. */
function workingDirectory(): string | undefined {
  try {
    // Node remembers one that has been asked for.
    if (existsSync(process.cwd())) return undefined;
  } catch {
    // It has not been asked for.
  }
  return dirname(process.execPath);
}

/** Of NODE_OPTIONS, the hooks with which Yarn's Plug'n'Play finds packages: without them a lane finds none. */
function plugAndPlay(options = ''): string {
  const hooks =
    /--(?:require|import|loader|experimental-loader)[ =](?:"[^"]*|\S*)\.pnp\.(?:cjs|loader\.mjs)"?/g;
  return (options.match(hooks) ?? []).join(' ');
}

/**
 * How glibc allocates in a lane, in so far as the user has not said it. Other C libraries ignore it.
 *
 * Large allocations are on 2 MB pages where the kernel allows it: weights and activations are walked with strides that
 * miss the TLB on 4 kB pages. Measured 6–8 % faster. All threads share one heap, instead of one of some megabytes for each
 * of V8's and libuv's, which cost no time that could be measured, of texts as of pictures.
 */
const ALLOCATION = { 'glibc.malloc.hugetlb': 1, 'glibc.malloc.arena_max': 1 };

function allocation(tunables = ''): string {
  const own = Object.entries(ALLOCATION).filter(([name]) => !tunables.includes(name));
  return [tunables, ...own.map(([name, value]) => `${name}=${value}`)].filter(Boolean).join(':');
}

function hold(handle: object, on: boolean): void {
  // The typings of a pipe that is a child's stderr lack both methods; sockets have them, but for Bun's, which hold nothing.
  const { ref, unref } = handle as { ref?(): void; unref?(): void };
  (on ? ref : unref)?.call(handle);
}
