import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Threads for one inference session: the physical cores, because two hyper-threads share the one
 * floating-point unit that a matrix product keeps busy.
 *
 * On Linux, bounded by the control group's CPU quota: onnxruntime does not look at it, and more threads than
 * quota are stopped by the scheduler in the middle of every product. 0 elsewhere: onnxruntime counts the
 * cores itself.
 */
export function defaultThreads(): number {
  if (process.platform !== 'linux') return 0;
  const logical = availableParallelism();
  const quota = cgroupQuota() ?? logical;
  const cores = logical / threadsPerCore();
  return Math.max(1, Math.floor(Math.min(cores, quota)));
}

function threadsPerCore(): number {
  const siblings = read('/sys/devices/system/cpu/cpu0/topology/thread_siblings_list');
  return siblings === undefined ? 1 : countList(siblings);
}

/** Number of entries of a kernel CPU list such as `0-1,64`. */
export function countList(list: string): number {
  let count = 0;
  for (const range of list.trim().split(',')) {
    const [first, last = first] = range.split('-').map(Number);
    count += last - first + 1;
  }
  return Number.isInteger(count) && count > 0 ? count : 1;
}

/** CPUs' worth of time that the control group (v2) may use, or undefined without a limit. */
function cgroupQuota(): number | undefined {
  const [quota, period] = (read('/sys/fs/cgroup/cpu.max') ?? 'max 1').split(' ').map(Number);
  return Number.isFinite(quota) && period > 0 ? quota / period : undefined;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
