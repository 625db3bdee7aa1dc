import { EmbedlaneError } from '../core/errors.js';
import { unref } from '../core/realms.js';
import { dependencyError } from './dependency-error.js';
import { LaneDied, type LaneHandle } from './lane-handle.js';
import { LaneProcess } from './lane-process.js';
import { LaneThread } from './lane-thread.js';
import type { Isolation, LaneSettings } from './options.js';

/** Work that a dead lane left undone is tried this often in all, and so is a start that it waits for: poisonous input cannot loop. */
const ATTEMPTS = 2;

/** How much of a task is left to do, beside other tasks. */
export type WorkLeft = () => number;

/** It ended before it had its model: nothing is known against the work that waits for it. */
class DiedLoading extends LaneDied {}

interface Started<Loaded> {
  handle: LaneHandle;
  loaded: Loaded;
}

/** The place of one lane: starts it, replaces it when it dies, and ends it when it has been idle for long. */
export class LaneSlot<Loaded> {
  readonly #entry: URL;
  readonly #loadParams: unknown;
  readonly #settings: LaneSettings;
  readonly #check: (loaded: unknown) => void;
  #started: Promise<Started<Loaded>> | undefined;
  #handle: LaneHandle | undefined;
  /** {@link #handle} once it is loaded. */
  #ready: LaneHandle | undefined;
  #closed = false;
  #active = 0;
  readonly #tasks = new Set<WorkLeft>();
  #deaths = 0;
  #idle: NodeJS.Timeout | undefined;
  /** Lanes that are being ended for idleness. */
  readonly #ending = new Set<Promise<void>>();

  /** @param check throws if what `load` has answered cannot be used */
  constructor(entry: URL, loadParams: unknown, settings: LaneSettings, check: (loaded: unknown) => void) {
    this.#check = check;
    this.#entry = entry;
    this.#loadParams = loadParams;
    this.#settings = settings;
  }

  /** Tasks under way. */
  get active(): number {
    return this.#active;
  }

  /** What is left of the tasks under way. */
  get left(): number {
    let sum = 0;
    for (const left of this.#tasks) sum += left();
    return sum;
  }

  /** Lanes that died without having been told to. */
  get deaths(): number {
    return this.#deaths;
  }

  /** The lane in use, if one is alive. */
  get handle(): LaneHandle | undefined {
    return this.#handle?.dead ? undefined : this.#handle;
  }

  /** Whether work given to it is begun at once. */
  get ready(): boolean {
    return this.#ready !== undefined && !this.#ready.dead;
  }

  /**
   * Starts the lane if it is not running and returns what its `load` returned.
   *
   * @param background the program may end meanwhile
   */
  load({ background = false } = {}): Promise<Loaded> {
    return this.#busy(async () => {
      try {
        return (await this.#running(background)).loaded;
      } catch (error) {
        throw error instanceof LaneDied ? explained(error) : error;
      }
    });
  }

  /**
   * See `Lane.run`.
   *
   * @param left a function of this task's own
   */
  async run<T>(task: (handle: LaneHandle) => Promise<T>, left: WorkLeft): Promise<T> {
    this.#tasks.add(left);
    try {
      return await this.#busy(() => this.#attempt(task));
    } finally {
      this.#tasks.delete(left);
    }
  }

  async #attempt<T>(task: (handle: LaneHandle) => Promise<T>): Promise<T> {
    const deaths = { loading: 0, running: 0 };
    for (;;) {
      try {
        const { handle } = await this.#running();
        return await task(handle);
      } catch (error) {
        if (!(error instanceof LaneDied)) throw error;
        if (this.#closed) throw closedError();
        if (++deaths[error instanceof DiedLoading ? 'loading' : 'running'] === ATTEMPTS)
          throw explained(error);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    await Promise.all([this.#handle?.kill(), ...this.#ending]);
  }

  async #busy<T>(work: () => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#active++;
    try {
      return await work();
    } finally {
      this.#active--;
      if (this.#active === 0) this.#unloadLater();
    }
  }

  #unloadLater(): void {
    const { keepAlive } = this.#settings;
    if (!Number.isFinite(keepAlive) || this.#closed || !this.handle) return;
    this.#idle = setTimeout(() => this.#unload(), keepAlive);
    unref(this.#idle);
  }

  #unload(): void {
    const handle = this.#handle;
    // Work that comes while this one ends is for the next.
    this.#handle = undefined;
    this.#ready = undefined;
    this.#started = undefined;
    if (!handle) return;
    const ending = handle.kill().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  async #running(background = false): Promise<Started<Loaded>> {
    if (this.#closed) throw closedError();
    if (!this.#started || this.#handle?.dead) {
      const started = this.#start(background);
      this.#started = started;
      // A failed start is not remembered: the next call tries again.
      started.catch(() => {
        if (this.#started === started) this.#started = undefined;
      });
    }
    return this.#started;
  }

  async #start(background: boolean): Promise<Started<Loaded>> {
    const handle = spawn(this.#entry, this.#settings.isolation, () => this.#deaths++);
    this.#handle = handle;
    try {
      const params = await this.#loadParams;
      const loaded = (await handle.call('load', params, undefined, background)) as Loaded;
      this.#check(loaded);
      this.#ready = handle;
      return { handle, loaded };
    } catch (error) {
      await handle.kill();
      if (this.#handle === handle) this.#handle = undefined;
      if (this.#closed) throw closedError();
      if (!(error instanceof LaneDied)) throw error;
      throw dependencyError(error) ?? new DiedLoading(error.message);
    }
  }
}

function spawn(entry: URL, isolation: Isolation | undefined, onDeath: () => void): LaneHandle {
  const kind = isolation ?? defaultIsolation();
  try {
    return kind === 'thread' ? new LaneThread(entry, onDeath) : new LaneProcess(entry, onDeath);
  } catch (cause) {
    if (cause instanceof EmbedlaneError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const advice =
      code === 'ERR_ACCESS_DENIED' ? '; run node with --allow-child-process, or with --allow-worker' : '';
    throw new EmbedlaneError('ERR_RUNTIME', `The model's ${kind} could not be started: ${message}${advice}`, {
      cause,
    });
  }
}

/** Node's permission model (`--permission`) allows child processes only with `--allow-child-process`. */
function defaultIsolation(): Isolation {
  // Node 20's typings lack it.
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  return permission?.has('child') === false ? 'thread' : 'process';
}

function closedError(): EmbedlaneError {
  return new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
}

/** What callers are told of a death after which nothing is tried any more. */
function explained(died: LaneDied): EmbedlaneError {
  const loading = died instanceof DiedLoading;
  const when = loading ? 'while it loaded the model' : 'while it ran this work for the second time';
  const [head, ...tail] = died.message.split(';');
  return new EmbedlaneError('ERR_RUNTIME', [`${head} ${when}`, ...tail].join(';'), { cause: died });
}
