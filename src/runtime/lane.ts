import { isDeepStrictEqual } from 'node:util';
import { abortError, throwIfAborted } from '../core/abort.js';
import { EmbedlaneError, withCallerStack } from '../core/errors.js';
import { Backlog } from './backlog.js';
import type { LaneHandle } from './lane-handle.js';
import { LaneSlot, type WorkLeft } from './lane-slot.js';
import type { Priority } from './microbatch.js';
import type { Device, LaneSettings } from './options.js';

const ONE_LANE: LaneSettings = {
  count: 1,
  teamKeepAlive: 0,
  keepAlive: Number.POSITIVE_INFINITY,
  isolation: undefined,
};

/**
 * What computes for a model outside the main thread: one lane, or several alike among which work is spread. A lane
 * that dies is replaced.
 *
 * A single lane may have a *team* beside it: lanes with a part of the cores each, which start by themselves when work
 * waits for longer than that takes. Once they are there, the work is theirs, and the first lane, with all cores, is
 * left free for a query that comes alone.
 *
 * @typeParam Loaded what the lane's `load` handler returns
 */
export class Lane<Loaded> {
  readonly #entry: URL;
  readonly #settings: LaneSettings;
  readonly #slots: readonly LaneSlot<Loaded>[];
  #team: readonly LaneSlot<Loaded>[] = [];
  /** Whether the team may be started now. */
  #allowed: () => boolean = () => false;
  #starting = false;
  #closed = false;
  #expected: unknown;
  /** What is left of the interactive tasks under way: of one whose results are there, nothing, until its lane says that it has ended. */
  readonly #urgent = new Set<WorkLeft>();
  readonly #backlog = new Backlog(() => void this.#startTeam());
  /** Called when there are more lanes. */
  readonly #onGrown = new Set<() => void>();

  /**
   * @param entry module that the lane runs
   * @param loadParams given to its `load` handler, now and each time that the lane has to be replaced; may be a
   *   promise, since the process takes its time to start
   */
  constructor(entry: URL, loadParams: unknown, settings: LaneSettings = ONE_LANE) {
    this.#entry = entry;
    this.#settings = settings;
    // A lane that cannot be started, or is closed before, never asks for them: nobody else hears of their failure.
    Promise.resolve(loadParams).catch(() => {});
    this.#slots = Array.from({ length: settings.count }, () => this.#slot(loadParams, settings));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many tasks can be computed at the same time at most. */
  get size(): number {
    return this.#team.length || this.#slots.length;
  }

  /** How many tasks can be computed at the same time now. */
  get ready(): number {
    return this.#grown ? this.#team.length : this.#slots.length;
  }

  /** Process id of the first lane in use that is a process. */
  get pid(): number | undefined {
    return this.pids[0];
  }

  /** Process ids of the lanes in use. */
  get pids(): number[] {
    return this.#all.flatMap(({ handle }) => handle?.pid ?? []);
  }

  /** Where it computes; undefined while no lane is in use. */
  get device(): Device | undefined {
    return this.#all.find(({ handle }) => handle?.device)?.handle?.device;
  }

  /** Lanes in use, and how many have died so far without having been told to. */
  get health(): { alive: number; deaths: number } {
    return {
      alive: this.#all.filter(({ handle }) => handle).length,
      deaths: this.#all.reduce((sum, { deaths }) => sum + deaths, 0),
    };
  }

  /** Starts what is not running, but no team, and returns what `load` returned. */
  async load(): Promise<Loaded> {
    const started = performance.now();
    const [loaded] = await Promise.all(this.#slots.map((slot) => slot.load()));
    this.#backlog.patience = performance.now() - started;
    return loaded;
  }

  /** Refuses lanes that are started from now on and answer something else: results have got their shape from this. */
  expect(loaded: unknown): void {
    this.#expected = loaded;
  }

  /**
   * Lets a team be started when work waits.
   *
   * @param count lanes of the team
   * @param loadParams given to their `load` handler
   * @param allowed whether there is room for it now
   */
  allowTeam(count: number, loadParams: unknown, allowed: () => boolean): void {
    const settings = { ...this.#settings, keepAlive: this.#settings.teamKeepAlive };
    this.#allowed = allowed;
    this.#team = Array.from({ length: count }, () => this.#slot(loadParams, settings));
  }

  /**
   * Runs `task` against the lane that has the least to do; if it dies meanwhile, once more against a fresh one. The
   * task must therefore be repeatable.
   *
   * @param left which lane has the least to do is told by this; all tasks are alike without it
   * @throws {EmbedlaneError} `ERR_CLOSED` after {@link close}, `ERR_RUNTIME` if the second lane died as well
   */
  async run<T>(
    task: (handle: LaneHandle) => Promise<T>,
    priority: Priority = 'interactive',
    left: WorkLeft = () => 1,
  ): Promise<T> {
    const slot = this.#choose(priority);
    // One of its own: several tasks may measure theirs by the same function.
    const ownLeft = () => left();
    if (priority === 'interactive') this.#urgent.add(ownLeft);
    try {
      return await slot.run(task, ownLeft);
    } finally {
      this.#urgent.delete(ownLeft);
    }
  }

  /**
   * Runs `loop`, which does one {@link run} after the other until nothing is left, several times side by side: so
   * often for each lane, and more often as soon as there are more lanes. Resolves when all have ended.
   */
  spread(perLane: number, loop: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      let started = 0;
      let ended = 0;
      const done = this.wait();
      const settle = (settled: () => void) => {
        done();
        this.#onGrown.delete(begin);
        settled();
      };
      const end = () => {
        ended++;
        // A loop that has ended found nothing more to do, so nothing waits.
        done();
        if (ended === started) settle(resolve);
      };
      const begin = () => {
        while (started < perLane * this.ready) {
          started++;
          loop().then(end, (error) => settle(() => reject(error)));
        }
      };
      this.#onGrown.add(begin);
      begin();
    });
  }

  /** Work waits for a lane, until the returned function is called. */
  wait(): () => void {
    return this.#backlog.wait();
  }

  /** Tells every lane that is alive something; a dead one has nothing to be told. */
  note(method: string, params: unknown): void {
    for (const { handle } of this.#all) void handle?.note(method, params);
  }

  /** Ends the lane. Work in progress rejects with `ERR_CLOSED`. Later calls resolve as the first does. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#all.map((slot) => slot.close()));
  }

  #slot(loadParams: unknown, settings: LaneSettings): LaneSlot<Loaded> {
    return new LaneSlot(this.#entry, loadParams, settings, (loaded) => {
      if (this.#expected === undefined || isDeepStrictEqual(loaded, this.#expected)) return;
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        'Expected the model that was loaded at first but its files are those of another by now; load it anew',
      );
    });
  }

  get #all(): LaneSlot<Loaded>[] {
    return [...this.#slots, ...this.#team];
  }

  get #grown(): boolean {
    return this.#team.length > 0 && this.#team.every(({ ready }) => ready);
  }

  #choose(priority: Priority): LaneSlot<Loaded> {
    const [first] = this.#slots;
    if (this.#grown) {
      const alone = priority === 'interactive' && [...this.#urgent].every((left) => left() === 0);
      return alone && first.ready ? first : freest(this.#team);
    }
    const ready = this.#all.filter((slot) => slot.ready);
    if (ready.length === 0) return freest(this.#slots);
    // One that is not there, dead or unloaded, is started when it is missed, but nothing waits for it.
    if (ready.every(({ active }) => active > 0)) {
      for (const slot of this.#slots) if (!slot.handle) slot.load().catch(() => {});
    }
    return freest(ready);
  }

  async #startTeam(): Promise<void> {
    if (this.#starting || this.#closed || this.#team.length === 0 || this.#grown || !this.#allowed()) return;
    this.#starting = true;
    try {
      await Promise.all(this.#team.map((slot) => slot.load({ background: true })));
      for (const listener of this.#onGrown) listener();
    } catch {
      // Work goes on without it. What could not be started now is not tried again for ever.
      this.#allowed = () => false;
    } finally {
      this.#starting = false;
    }
  }
}

function freest<Loaded>(slots: readonly LaneSlot<Loaded>[]): LaneSlot<Loaded> {
  return slots.reduce((best, slot) => (slot.left < best.left ? slot : best));
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
  settings: LaneSettings | undefined,
  signal: AbortSignal | undefined,
): Promise<OpenLane<Loaded>> {
  const lane = new Lane<Loaded>(entry, loadParams, settings);
  throwIfAborted(signal);
  const onAbort = () => void lane.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const loaded = await lane.load();
    throwIfAborted(signal);
    lane.expect(loaded);
    return { lane, loaded };
  } catch (error) {
    await lane.close();
    throw signal?.aborted ? abortError(signal) : withCallerStack(error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
