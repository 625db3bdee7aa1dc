import { abortError, throwIfAborted } from '../core/abort.js';
import { EmbedlaneError, withCallerStack } from '../core/errors.js';
import { dependencyError } from './dependency-error.js';
import { LaneDied, LaneProcess } from './lane-process.js';

/** Work that a dead lane left undone is tried this often in all, so that poisonous input cannot loop. */
const ATTEMPTS = 2;

interface Started<Loaded> {
  process: LaneProcess;
  loaded: Loaded;
}

/**
 * A lane that is replaced when it dies.
 *
 * @typeParam Loaded what the lane's `load` handler returns
 */
export class Lane<Loaded> {
  readonly #entry: URL;
  readonly #loadParams: unknown;
  #started: Promise<Started<Loaded>> | undefined;
  #process: LaneProcess | undefined;
  #closed = false;

  /**
   * @param entry module that the lane's process runs
   * @param loadParams given to its `load` handler, now and each time that the lane has to be replaced; may be a
   *   promise, since the process takes its time to start
   */
  constructor(entry: URL, loadParams: unknown) {
    this.#entry = entry;
    this.#loadParams = loadParams;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Process id of the lane in use, if one is alive. */
  get pid(): number | undefined {
    return this.#process?.dead ? undefined : this.#process?.pid;
  }

  /** Starts the lane if it is not running and returns what its `load` returned. */
  async load(): Promise<Loaded> {
    return (await this.#running()).loaded;
  }

  /**
   * Runs `task` against the lane; if the lane dies meanwhile, once more against a fresh one. The task must
   * therefore be repeatable.
   *
   * @throws {EmbedlaneError} `ERR_CLOSED` after {@link close}, `ERR_RUNTIME` if the second lane died as well
   */
  async run<T>(task: (process: LaneProcess) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const { process } = await this.#running();
      try {
        return await task(process);
      } catch (error) {
        if (!(error instanceof LaneDied)) throw error;
        if (this.#closed) throw closedError();
        if (attempt === ATTEMPTS) throw runtimeError(error, 'while it ran this work for the second time');
      }
    }
  }

  /** Tells the lane something if it is alive; a dead one has nothing to be told. */
  note(method: string, params: unknown): void {
    if (this.#process && !this.#process.dead) void this.#process.note(method, params);
  }

  /** Ends the lane. Work in progress rejects with `ERR_CLOSED`. Later calls resolve as the first does. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#process?.kill();
  }

  async #running(): Promise<Started<Loaded>> {
    if (this.#closed) throw closedError();
    if (!this.#started || this.#process?.dead) {
      const started = this.#start();
      this.#started = started;
      // A failed start is not remembered: the next call tries again.
      started.catch(() => {
        if (this.#started === started) this.#started = undefined;
      });
    }
    return this.#started;
  }

  async #start(): Promise<Started<Loaded>> {
    const process = spawn(this.#entry);
    this.#process = process;
    try {
      const loaded = (await process.call('load', await this.#loadParams)) as Loaded;
      return { process, loaded };
    } catch (error) {
      await process.kill();
      if (this.#closed) throw closedError();
      if (!(error instanceof LaneDied)) throw error;
      throw dependencyError(error) ?? runtimeError(error, 'while it loaded the model');
    }
  }
}

/** Process and `load` result of a lane that {@link openLane} has started. */
export interface OpenLane<Loaded> {
  lane: Lane<Loaded>;
  loaded: Loaded;
}

/**
 * Starts a lane and loads its model; on failure and on abort nothing of it is left.
 *
 * @param entry see the constructor of {@link Lane}
 * @param loadParams see the constructor of {@link Lane}
 * @throws {EmbedlaneError} `ERR_ABORTED`, `ERR_RUNTIME`, or what `load` in the lane throws
 */
export async function openLane<Loaded>(
  entry: URL,
  loadParams: unknown,
  signal: AbortSignal | undefined,
): Promise<OpenLane<Loaded>> {
  throwIfAborted(signal);
  const lane = new Lane<Loaded>(entry, loadParams);
  const onAbort = () => void lane.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const loaded = await lane.load();
    throwIfAborted(signal);
    return { lane, loaded };
  } catch (error) {
    await lane.close();
    throw signal?.aborted ? abortError(signal) : withCallerStack(error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function spawn(entry: URL): LaneProcess {
  try {
    return new LaneProcess(entry);
  } catch (cause) {
    // For example Node's permission model without --allow-child-process.
    throw new EmbedlaneError('ERR_RUNTIME', "The model's process could not be started", { cause });
  }
}

function closedError(): EmbedlaneError {
  return new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed');
}

function runtimeError(died: LaneDied, when: string): EmbedlaneError {
  const [head, ...tail] = died.message.split(';');
  return new EmbedlaneError('ERR_RUNTIME', [`${head} ${when}`, ...tail].join(';'), { cause: died });
}
