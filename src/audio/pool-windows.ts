import { concatFloats } from '../core/concat.js';
import { Embeddings } from '../core/embeddings.js';
import { normalize } from '../vectors/index.js';
import type { WindowReport } from './lane/protocol.js';
import type { AudioPlan } from './options.js';

/** Vectors of the windows of one sound, in order. */
export interface AudioWindows {
  /** One row per window. */
  embeddings: Embeddings;
  /** Seconds from the beginning of the sound at which each window starts and ends. */
  times: { start: number; end: number }[];
}

/** One row per sound: the mean of its windows, each by its share of the sound. */
export function meanOfWindows(sounds: readonly WindowReport[][], dims: number): Embeddings {
  const data = new Float32Array(sounds.length * dims);
  sounds.forEach((windows, i) => {
    data.set(weightedMean(windows, dims), i * dims);
  });
  return new Embeddings(data, sounds.length, dims);
}

/** All rows of all windows of a sound. */
export function joinWindows(windows: readonly WindowReport[], dims: number): Embeddings {
  const data = concatFloats(windows.map((window) => window.data));
  return new Embeddings(data, data.length / dims, dims);
}

export function timedWindows(windows: readonly WindowReport[], dims: number, plan: AudioPlan): AudioWindows {
  return {
    embeddings: finished(joinWindows(windows, dims), plan),
    times: windows.map(({ start, end }) => ({ start, end })),
  };
}

export function finished(embeddings: Embeddings, plan: Pick<AudioPlan, 'normalize'>): Embeddings {
  return plan.normalize ? normalize(embeddings) : embeddings;
}

function weightedMean(windows: readonly WindowReport[], dims: number): Float32Array {
  if (windows.length === 1) return windows[0].data;
  const sums = new Float64Array(dims);
  let frames = 0;
  for (const window of windows) {
    frames += window.frames;
    for (let d = 0; d < dims; d++) sums[d] += window.frames * window.data[d];
  }
  return Float32Array.from(sums, (sum) => sum / frames);
}
