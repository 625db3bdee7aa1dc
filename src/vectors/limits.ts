import { loadBinding } from '../native/load.js';

/** What a machine can do at most; undefined where it cannot be measured (without the addon). */
export interface MachineLimits {
  /** 10⁹ float32 operations a second, multiply-adds counting two. */
  gflops: number | undefined;
  /** 10⁹ bytes a second, read from memory. */
  gbps: number | undefined;
}

/** Measures this machine with `threads` threads and the instructions in use: about half a second. */
export async function measureLimits(threads: number): Promise<MachineLimits> {
  const limits = new Float64Array(2);
  await loadBinding().measureLimits(threads, limits).promise;
  const [flops, bytes] = limits;
  return { gflops: flops > 0 ? flops / 1e9 : undefined, gbps: bytes > 0 ? bytes / 1e9 : undefined };
}
