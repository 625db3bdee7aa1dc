import { abortError, throwIfAborted } from '../core/abort.js';
import { withCallerStack } from '../core/errors.js';
import type { LaneHandle } from './lane-handle.js';
import { LaneSlot } from './lane-slot.js';
import type { Device, LaneSettings } from './options.js';

const ONE_LANE: LaneSettings = { count: 1, keepAlive: Number.POSITIVE_INFINITY, isolation: undefined };

/**
 * What computes for a model outside the main thread: one lane, or several alike among which work is spread. A lane
 * that dies is replaced.
 *
 * @typeParam Loaded what the lane's `load` handler returns
 */
export class Lane<Loaded> {
  readonly #slots: readonly LaneSlot<Loaded>[];
  #closed = false;

  /**
   * @param entry module that the lane runs
   * @param loadParams given to its `load` handler, now and each time that the lane has to be replaced; may be a
   *   promise, since the process takes its time to start
   */
  constructor(entry: URL, loadParams: unknown, settings: LaneSettings = ONE_LANE) {
    this.#slots = Array.from(
      { length: settings.count },
      () => new LaneSlot<Loaded>(entry, loadParams, settings),
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many tasks can be computed at the same time. */
  get size(): number {
    return this.#slots.length;
  }

  /** Process id of the first lane in use that is a process. */
  get pid(): number | undefined {
    return this.pids[0];
  }

  /** Process ids of the lanes in use. */
  get pids(): number[] {
    return this.#slots.flatMap(({ handle }) => handle?.pid ?? []);
  }

  /** Where it computes; undefined while no lane is in use. */
  get device(): Device | undefined {
    return this.#slots.find(({ handle }) => handle?.device)?.handle?.device;
  }

  /** Lanes in use, and how many have died so far without having been told to. */
  get health(): { alive: number; deaths: number } {
    return {
      alive: this.#slots.filter(({ handle }) => handle).length,
      deaths: this.#slots.reduce((sum, { deaths }) => sum + deaths, 0),
    };
  }

  /** Starts what is not running and returns what `load` returned. */
  async load(): Promise<Loaded> {
    const [loaded] = await Promise.all(this.#slots.map((slot) => slot.load()));
    return loaded;
  }

  /**
   * Runs `task` against the lane that has the least to do; if it dies meanwhile, once more against a fresh one. The
   * task must therefore be repeatable.
   *
   * @throws {EmbedlaneError} `ERR_CLOSED` after {@link close}, `ERR_RUNTIME` if the second lane died as well
   */
  run<T>(task: (handle: LaneHandle) => Promise<T>): Promise<T> {
    return this.#freest().run(task);
  }

  /** Tells every lane that is alive something; a dead one has nothing to be told. */
  note(method: string, params: unknown): void {
    for (const { handle } of this.#slots) void handle?.note(method, params);
  }

  /** Ends the lane. Work in progress rejects with `ERR_CLOSED`. Later calls resolve as the first does. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }

  /** Of equally busy ones, one that is loaded. */
  #freest(): LaneSlot<Loaded> {
    const load = ({ active, handle }: LaneSlot<Loaded>) => 2 * active + (handle ? 0 : 1);
    return this.#slots.reduce((best, slot) => (load(slot) < load(best) ? slot : best));
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
  settings: LaneSettings,
  signal: AbortSignal | undefined,
): Promise<OpenLane<Loaded>> {
  throwIfAborted(signal);
  const lane = new Lane<Loaded>(entry, loadParams, settings);
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
