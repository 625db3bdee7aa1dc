import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION = 1;

/**
 * Runs `work` and reports how late the event loop was meanwhile, in milliseconds.
 *
 * Node records the whole distance between two ticks of a 1 ms timer, so an idle loop reads 1.06: the interval
 * itself is taken off, what is left is delay.
 */
export async function watchLoop(work) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  // Synchronous work would end before the first tick and read as no delay at all.
  histogram.enable();
  await new Promise((resolve) => setTimeout(resolve, 5));
  histogram.reset();
  await new Promise((resolve) => setTimeout(resolve, 2));
  const value = await work();
  await new Promise((resolve) => setTimeout(resolve, 2));
  histogram.disable();
  const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
  return {
    value,
    loop: {
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      max: late(histogram.max),
    },
  };
}

/** {@link watchLoop} with the seconds that `work` takes, without those of watching. */
export async function timeWatched(work) {
  const { value: seconds, loop } = await watchLoop(async () => {
    const started = performance.now();
    await work();
    return (performance.now() - started) / 1000;
  });
  return { seconds, loop };
}
