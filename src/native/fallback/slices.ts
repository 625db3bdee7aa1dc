import { setImmediate } from 'node:timers/promises';
import { EmbedlaneError } from '../../core/errors.js';

/** Multiply-adds between two looks at the event loop: a few milliseconds. */
export const SLICE = 1_000_000;

/** Runs work that yields every {@link SLICE}, and lets the event loop turn whenever it does. */
export function runInSlices<T>(steps: Iterator<undefined, T>): { promise: Promise<T>; cancel(): void } {
  let cancelled = false;
  const run = async (): Promise<T> => {
    for (;;) {
      await setImmediate();
      if (cancelled) throw new EmbedlaneError('ERR_ABORTED', 'The operation was aborted');
      const step = steps.next();
      if (step.done) return step.value;
    }
  };
  return {
    promise: run(),
    cancel: () => {
      cancelled = true;
    },
  };
}
