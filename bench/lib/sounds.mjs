/** Windows of 30 s at 16 kHz, as raw float32 files, so that every contender starts from the same samples. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../results/sounds/', import.meta.url));

export const WINDOW = { seconds: 30, rate: 16_000 };

/** Paths of `count` windows: sweeps over the whole band, louder and softer, with noise. */
export function sounds(count) {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, n) => {
    const path = join(folder, `window-${n}.f32`);
    if (existsSync(path)) return path;
    let state = n + 1;
    const samples = Float32Array.from({ length: WINDOW.seconds * WINDOW.rate }, (_, i) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const noise = state / 2 ** 31 - 1;
      const swell = 0.5 + 0.5 * Math.sin(i / (4000 + 500 * n));
      return 0.4 * swell * Math.sin(i * i * 6e-6 * (1 + n / 10)) + 0.01 * noise;
    });
    writeFileSync(path, samples);
    return path;
  });
}

const read = new Map();

/** Samples of a window, read once: the work that is timed begins with samples in memory. */
export async function readSamples(path) {
  if (!read.has(path)) {
    const bytes = await readFile(path);
    read.set(path, new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
  }
  return read.get(path);
}
