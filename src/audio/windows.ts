import type { MonoPcm } from './decode/pcm.js';
import { Resampler } from './resampler.js';

/** A window of audio at the model's rate. */
export interface AudioWindow {
  samples: Float32Array;
  /** Seconds from the beginning of the audio. */
  start: number;
  end: number;
}

export interface WindowOptions {
  /** Rate of the windows in Hz. */
  sampleRate: number;
  /** Samples of a full window; the last one may have fewer. */
  size: number;
  /** Samples that a window shares with the one before it. */
  overlap: number;
  /** Samples of the audio that count, at the windows' rate. */
  most: number;
}

/**
 * Cuts audio that arrives piece by piece into windows at one rate, holding no more than one of them. Audio after the
 * last window that would bring nothing but overlap is left out.
 */
export async function* audioWindows(
  pieces: AsyncIterable<MonoPcm>,
  { sampleRate, size, overlap, most }: WindowOptions,
): AsyncGenerator<AudioWindow> {
  const window = new Float32Array(size);
  let filled = 0;
  let start = 0;
  let left = most;
  /** Whether the window has samples that no window before it had. */
  let fresh = false;
  const emit = (): AudioWindow => {
    const end = start + filled;
    const whole = { samples: window.slice(0, filled), start: start / sampleRate, end: end / sampleRate };
    window.copyWithin(0, filled - overlap, filled);
    start = end - overlap;
    filled = overlap;
    fresh = false;
    return whole;
  };

  for await (const samples of resampled(pieces, sampleRate)) {
    let part = samples.subarray(0, left);
    left -= part.length;
    while (part.length > 0) {
      if (filled === size) yield emit();
      const taken = part.subarray(0, size - filled);
      window.set(taken, filled);
      filled += taken.length;
      fresh = true;
      part = part.subarray(taken.length);
    }
    if (left === 0) break;
  }
  if (fresh) yield emit();
}

async function* resampled(pieces: AsyncIterable<MonoPcm>, sampleRate: number): AsyncGenerator<Float32Array> {
  let resampler: Resampler | undefined;
  for await (const piece of pieces) {
    if (piece.sampleRate === sampleRate) yield piece.samples;
    else {
      resampler ??= new Resampler(piece.sampleRate, sampleRate);
      yield* await resampler.push(piece.samples);
    }
  }
  if (resampler) yield await resampler.flush();
}
