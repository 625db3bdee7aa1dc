import { simd } from 'embedlane/vectors';

/** The level below, for levels that scan batches of floats as 8-bit codes. */
const WITHOUT_CODES = { avx512_vnni: 'avx512', neon_dotprod: 'neon' };

/** The environment of a contender whose batches are float32 arithmetic; undefined where they are that anyhow. */
export function floatArithmetic() {
  const level = WITHOUT_CODES[simd().level];
  return level && { EMBEDLANE_SIMD: level };
}
