// The filter with vectors of AArch64 Advanced SIMD. Internal linkage, see kernels-inl.h.
#pragma once

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

// AArch64 Advanced SIMD. Thirty-two registers: 12 × 2 accumulators, two query vectors, broadcasts.
struct F {
  using V = float32x4_t;
  static constexpr int kLanes = 4;
  static constexpr int kRows = 12;
  static EMBEDLANE_INLINE V zero() { return vdupq_n_f32(0); }
  static EMBEDLANE_INLINE V load(const float* p) { return vld1q_f32(p); }
  static EMBEDLANE_INLINE void store(float* p, V a) { vst1q_f32(p, a); }
  static EMBEDLANE_INLINE V set(float x) { return vdupq_n_f32(x); }
  static EMBEDLANE_INLINE V add(V a, V b) { return vaddq_f32(a, b); }
  static EMBEDLANE_INLINE V mul(V a, V b) { return vmulq_f32(a, b); }
  static EMBEDLANE_INLINE V fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
  static EMBEDLANE_INLINE float sum(V a) { return vaddvq_f32(a); }
  static EMBEDLANE_INLINE uint32_t passes(V a, V threshold) {
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vbicq_u32(vld1q_u32(bits), vcltq_f32(a, threshold)));
  }
  template <class X>
  static EMBEDLANE_INLINE void keep([[maybe_unused]] const X& x) {
#if defined(__GNUC__)
    asm volatile("" : : "w"(x));
#endif
  }
  static EMBEDLANE_INLINE void prefetch([[maybe_unused]] const char* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#endif
  }
};

}  // namespace
}  // namespace embedlane

#include "tiles-inl.h"
