import type { Device } from './options.js';
import { type FromLane, fromWire, type ToLane } from './protocol.js';

/** A lane ended while calls were waiting for it; the supervisor decides whether they are tried again. */
export class LaneDied extends Error {
  override name = 'LaneDied';
}

interface PendingCall {
  resolve(value: unknown): void;
  reject(error: Error): void;
  onEvent: ((value: unknown) => void) | undefined;
  background: boolean;
}

/** Warnings that this process has been given: every lane of every model would repeat them. */
const warned = new Set<string>();

/**
 * The program's side of one lane, whatever it runs in.
 *
 * What it runs in keeps the event loop alive only while calls are pending, so that an idle lane never holds up the
 * end of a program.
 */
export abstract class LaneHandle {
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 0;
  /** Pending calls that keep the event loop alive. */
  #held = 0;
  #dead: LaneDied | undefined;
  #device: Device | undefined;
  /** Whether it was told to end. */
  protected killed = false;

  readonly #onDeath: () => void;

  /** @param onDeath called when it ends without having been told to */
  constructor(onDeath: () => void) {
    this.#onDeath = onDeath;
  }

  /** Process id, if it is a process of its own. */
  abstract get pid(): number | undefined;

  /** Ends the lane as soon as that is safe; it holds nothing that would need saving. */
  abstract kill(): Promise<void>;

  /** Resolves when the message has left. */
  protected abstract post(message: ToLane): Promise<void>;

  /** Whether the lane keeps the event loop alive. */
  protected abstract hold(on: boolean): void;

  get dead(): boolean {
    return this.#dead !== undefined;
  }

  /** Where it computes; undefined until its graph is open. */
  get device(): Device | undefined {
    return this.#device;
  }

  /**
   * Calls `method` in the lane.
   *
   * @param onEvent receives what the lane reports before the result
   * @param background whether the program may end before the answer
   * @returns what the handler returned; rejects with the handler's error, or with {@link LaneDied}
   */
  call(
    method: string,
    params: unknown,
    onEvent?: (value: never) => void,
    background = false,
  ): Promise<unknown> {
    if (this.#dead) return Promise.reject(this.#dead);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onEvent: onEvent as PendingCall['onEvent'], background });
      if (!background && ++this.#held === 1) this.hold(true);
      void this.post({ kind: 'call', id, method, params });
    });
  }

  /** Tells the lane something that has no answer. Resolves when the message has left this process. */
  note(method: string, params: unknown): Promise<void> {
    return this.post({ kind: 'note', method, params });
  }

  protected receive(message: FromLane): void {
    if (message.kind === 'device') {
      this.#device = message.device;
      if (message.warning !== undefined) warnOnce(message.warning);
      return;
    }
    const call = this.#pending.get(message.id);
    if (!call) return;
    if (message.kind === 'event') {
      call.onEvent?.(message.value);
      return;
    }
    this.#pending.delete(message.id);
    if (!call.background && --this.#held === 0) this.hold(false);
    if (message.kind === 'result') call.resolve(message.value);
    else call.reject(fromWire(message.error));
  }

  /**
   * Rejects what waits. Later deaths are not heard.
   *
   * @param lived whether there was a lane at all
   */
  protected die(message: string, lived = true): void {
    if (this.#dead) return;
    this.#dead = new LaneDied(message);
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of calls) call.reject(this.#dead);
    if (lived && !this.killed) this.#onDeath();
  }
}

function warnOnce(message: string): void {
  if (warned.has(message)) return;
  warned.add(message);
  process.emitWarning(message, { type: 'EmbedlaneWarning', code: 'EMBEDLANE_DEVICE' });
}
