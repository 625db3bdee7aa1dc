#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

struct W {
  using F = float32x4_t;
  static constexpr int kF = 4;
  static F zero() { return vdupq_n_f32(0); }
  static F set(float x) { return vdupq_n_f32(x); }
  static F load(const float* p) { return vld1q_f32(p); }
  static void store(float* p, F a) { vst1q_f32(p, a); }
  static F add(F a, F b) { return vaddq_f32(a, b); }
  static F div(F a, F b) { return vdivq_f32(a, b); }
  static void prefetch(const float*) {}
  static constexpr int kBlock = 16;
};

}  // namespace
}  // namespace embedlane

#include "bag_mean-inl.h"

void embedlane::bag_mean_neon(const float* table, size_t stride, const uint32_t* ids, size_t count,
                              size_t readable, size_t dims, float* out) {
  mean_rows(table, stride, ids, count, readable, dims, out);
}
