import { EmbedlaneError } from '../core/errors.js';
import type { Lane, LaneHandle } from '../runtime/index.js';

/**
 * One of a model's lanes, kept for as long as something lives in it: calls go to no other, and it is not idle between
 * them. If it dies, what it held is gone: it is not replaced.
 */
export class HeldLane {
  readonly #handle: Promise<LaneHandle>;
  readonly #run: Promise<void>;
  #release: () => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(lane: Lane<unknown>) {
    const over = new Promise<void>((resolve, reject) => {
      this.#release = resolve;
      this.#fail = reject;
    });
    let take: (handle: LaneHandle) => void = () => {};
    let taken = false;
    this.#run = lane.run(async (handle) => {
      if (taken) throw replaced();
      taken = true;
      take(handle);
      await over;
    });
    this.#handle = new Promise((resolve, reject) => {
      take = resolve;
      this.#run.catch(reject);
    });
    // Whoever calls is told.
    this.#handle.catch(() => {});
    over.catch(() => {});
  }

  /** @throws {EmbedlaneError} what the lane throws; `ERR_RUNTIME` if it dies, `ERR_CLOSED` if it is closed */
  async call(method: string, params: unknown): Promise<unknown> {
    const handle = await this.#handle;
    try {
      return await handle.call(method, params);
    } catch (error) {
      if (error instanceof EmbedlaneError) throw error;
      // A death: the lane's owner knows whether it was meant.
      this.#fail(error);
      await this.#run;
      throw error;
    }
  }

  release(): void {
    this.#release();
  }
}

function replaced(): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_RUNTIME',
    "Expected the model's process to live as long as the stream but it had to be replaced",
  );
}
