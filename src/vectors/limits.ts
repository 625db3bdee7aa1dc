import type { Dtype } from '../native/binding.js';
import { loadBinding } from '../native/load.js';

/** Elements whose multiplication has an instruction of its own on some machines. */
const MULTIPLIED = ['f32', 'bf16', 'i8', 'b1'] as const;

/** What a machine can do at most; undefined where it cannot be measured (without the addon). */
export interface MachineLimits {
  /**
   * 10⁹ operations a second on elements of each type, multiply-adds counting two, as do comparing a bit and counting it.
   * Where a type has no such instruction, those of the type that it is widened to; without any, undefined.
   */
  gops: Record<Dtype, number | undefined>;
  /** 10⁹ bytes a second, read from memory. */
  gbps: number | undefined;
}

/** Measures this machine with `threads` threads and the instructions in use: about half a second. */
export async function measureLimits(threads: number): Promise<MachineLimits> {
  const limits = new Float64Array(MULTIPLIED.length + 1);
  await loadBinding().measureLimits(threads, limits).promise;
  const [f32, bf16, i8, b1, gbps] = Array.from(limits, (limit) => (limit > 0 ? limit / 1e9 : undefined));
  return { gops: { f32, f16: f32, bf16: bf16 ?? f32, i8, u8: i8, b1 }, gbps };
}
