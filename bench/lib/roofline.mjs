import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('./roofline.cpp', import.meta.url));

/**
 * Measured limits of this machine with `threads` threads, or undefined where no C++ compiler is at hand.
 *
 * @returns {{ threads: number, lanes: number, gflops: number, gbps: number } | undefined}
 */
export function roofline(threads) {
  const folder = mkdtempSync(join(tmpdir(), 'embedlane-roofline-'));
  try {
    const program = join(folder, 'roofline');
    const flags = [
      '-std=c++20',
      '-O3',
      '-march=native',
      '-ffp-contract=fast',
      '-pthread',
      source,
      '-o',
      program,
    ];
    if (spawnSync(process.env.CXX ?? 'c++', flags).status !== 0) return undefined;
    const { status, stdout } = spawnSync(program, [String(threads)], { encoding: 'utf8' });
    return status === 0 ? JSON.parse(stdout) : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same limit measured again: one taken in a noisy second would flatter every share of it. */
export function again(limit) {
  const { gflops, gbps } = roofline(limit.threads) ?? limit;
  return { ...limit, gflops: Math.max(limit.gflops, gflops), gbps: Math.max(limit.gbps, gbps) };
}
