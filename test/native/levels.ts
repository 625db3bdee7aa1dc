import type { NativeBinding, SimdLevel } from '#dist/native/binding.js';
import { createFallback } from '#dist/native/fallback/index.js';
import { loadBinding } from '#dist/native/load.js';

/** Every implementation there is to test on this machine: the addon at each level, and the fallback. */
export function implementations(): { name: string; use: () => NativeBinding }[] {
  const addon = loadBinding();
  const fallback = createFallback();
  return [
    ...addon.simdLevels().map((level: SimdLevel) => ({
      name: level as string,
      use: () => {
        addon.setSimdLevel(level);
        return addon;
      },
    })),
    { name: 'typescript', use: () => fallback },
  ];
}
