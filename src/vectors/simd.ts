import type { SimdLevel } from '../native/binding.js';
import { loadBinding } from '../native/load.js';

/** Which instructions vectors are computed with. */
export interface SimdInfo {
  /** The level in use: the highest available, or what `EMBEDLANE_SIMD` says. */
  level: SimdLevel;
  /** The levels that this CPU and operating system support, lowest first. */
  available: SimdLevel[];
  /** `'typescript'` if the addon could not be loaded, or `EMBEDLANE_BACKEND=typescript` asked for it. */
  backend: 'native' | 'typescript';
}

/** Tells which instructions are used, so that nobody is slow without knowing. */
export function simd(): SimdInfo {
  const binding = loadBinding();
  return { level: binding.simdLevel(), available: binding.simdLevels(), backend: binding.backend };
}
