#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

// AArch64 Advanced SIMD. Thirty-two registers: 8 × 3 accumulators, three panel vectors, broadcasts by lane.
struct V {
  using D = float64x2_t;
  static constexpr int kD = 2;
  static D zero_d() { return vdupq_n_f64(0); }
  static D widen(const float* p) { return vcvt_f64_f32(vld1_f32(p)); }
  static D add(D a, D b) { return vaddq_f64(a, b); }
  static D sub(D a, D b) { return vsubq_f64(a, b); }
  static D mul(D a, D b) { return vmulq_f64(a, b); }
  static D fma(D a, D b, D c) { return vfmaq_f64(c, a, b); }
  static D abs(D a) { return vabsq_f64(a); }
  static double sum(D a) { return vgetq_lane_f64(a, 0) + vgetq_lane_f64(a, 1); }

  using F = float32x4_t;
  static constexpr int kF = 4;
  static F zero() { return vdupq_n_f32(0); }
  static F load(const float* p) { return vld1q_f32(p); }
  static F set(float x) { return vdupq_n_f32(x); }
  static void store(float* p, F a) { vst1q_f32(p, a); }
  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  static uint32_t passes(F a, F threshold) {
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vbicq_u32(vld1q_u32(bits), vcltq_f32(a, threshold)));
  }
  static void transpose(const float* in, size_t in_stride, float* out, size_t out_stride) {
    const float32x4x2_t low = vtrnq_f32(vld1q_f32(in), vld1q_f32(in + in_stride));
    const float32x4x2_t high = vtrnq_f32(vld1q_f32(in + 2 * in_stride), vld1q_f32(in + 3 * in_stride));
    for (int i = 0; i < 2; i++) {
      const float64x2_t a = vreinterpretq_f64_f32(low.val[i]);
      const float64x2_t b = vreinterpretq_f64_f32(high.val[i]);
      vst1q_f32(out + i * out_stride, vreinterpretq_f32_f64(vzip1q_f64(a, b)));
      vst1q_f32(out + (i + 2) * out_stride, vreinterpretq_f32_f64(vzip2q_f64(a, b)));
    }
  }

  static EMBEDLANE_INLINE void prefetch([[maybe_unused]] const float* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#endif
  }

  static constexpr int kRows = 2;
  static constexpr int kStep = 4;
  static constexpr int kTiles = 2;
  static constexpr int kPanel = 3;
};

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

const embedlane::Kernels& embedlane::neon_kernels() { return kKernels; }
