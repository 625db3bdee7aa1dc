// Vectors of AArch64 Advanced SIMD. Internal linkage, see kernels-inl.h.
#pragma once

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler.h"

namespace embedlane {
namespace {

struct V {
  using D = float64x2_t;
  static constexpr int kD = 2;
  static D zero_d() { return vdupq_n_f64(0); }
  static D widen(const float* p) { return vcvt_f64_f32(vld1_f32(p)); }
  static uint16x4_t two_halves(const uint16_t* p) {
    uint32_t both;
    memcpy(&both, p, sizeof(both));
    return vreinterpret_u16_u32(vdup_n_u32(both));
  }
  static D widen_f16(const uint16_t* p) {
    return vcvt_f64_f32(vget_low_f32(vcvt_f32_f16(vreinterpret_f16_u16(two_halves(p)))));
  }
  static D widen_bf16(const uint16_t* p) {
    return vcvt_f64_f32(vget_low_f32(vreinterpretq_f32_u32(vshll_n_u16(two_halves(p), 16))));
  }
  static D set_d(double x) { return vdupq_n_f64(x); }
  static D load_d(const double* p) { return vld1q_f64(p); }
  static void store_d(double* p, D a) { vst1q_f64(p, a); }
  static D add(D a, D b) { return vaddq_f64(a, b); }
  static D sub(D a, D b) { return vsubq_f64(a, b); }
  static D mul(D a, D b) { return vmulq_f64(a, b); }
  static D fma(D a, D b, D c) { return vfmaq_f64(c, a, b); }
  static D abs(D a) { return vabsq_f64(a); }
  static double sum(D a) { return vgetq_lane_f64(a, 0) + vgetq_lane_f64(a, 1); }

  static EMBEDLANE_INLINE void prefetch([[maybe_unused]] const void* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p);
#endif
  }
  static EMBEDLANE_INLINE void prefetch_far([[maybe_unused]] const void* p) {
#if defined(__GNUC__)
    __builtin_prefetch(p, 0, 2);
#endif
  }

  static constexpr int kRows = 2;
  static constexpr int kTileB = 6;
  static void sums(const D (&v)[kTileB], double* out) {
    for (int j = 0; j < kTileB; j++) out[j] = sum(v[j]);
  }
};

struct H {
  static constexpr int kCount = 4;
  static void from_f16(const uint16_t* p, float* out) {
    vst1q_f32(out, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))));
  }
  static void to_f16(const float* p, uint16_t* out) {
    vst1_u16(out, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(p))));
  }
  static uint32_t positive(const float* p) {
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vld1q_u32(bits), vcgtzq_f32(vld1q_f32(p))));
  }
};

struct NeonBytes {
  using B = uint8x16_t;
  using S = int32x4_t;
  static constexpr size_t kBytes = 16;
  static constexpr bool kBiased = false;
  static constexpr int kRows = 4;
  static B load(const uint8_t* p) { return vld1q_u8(p); }
  static B load_part(const uint8_t* p, size_t n) {
    uint8_t part[16] = {};
    memcpy(part, p, n);
    return vld1q_u8(part);
  }
  static B zero_bytes() { return vdupq_n_u8(0); }
  static B bits_and(B a, B b) { return vandq_u8(a, b); }
  static B bits_xor(B a, B b) { return veorq_u8(a, b); }
  static B flip(B a) { return veorq_u8(a, vdupq_n_u8(0x80)); }
  static B distance_u8(B a, B b) { return vabdq_u8(a, b); }

  static S zero() { return vdupq_n_s32(0); }
  static S dot_i8(S sum, B a, B b) {
    const int8x16_t x = vreinterpretq_s8_u8(a);
    const int8x16_t y = vreinterpretq_s8_u8(b);
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    return vpadalq_s16(sum, vmull_high_s8(x, y));
  }
  static S dot_u8(S sum, B a, B b) {
    uint32x4_t words = vreinterpretq_u32_s32(sum);
    words = vpadalq_u16(words, vmull_u8(vget_low_u8(a), vget_low_u8(b)));
    return vreinterpretq_s32_u32(vpadalq_u16(words, vmull_high_u8(a, b)));
  }
  static S square_u8(S sum, B a) { return dot_u8(sum, a, a); }
  static S add_u8(S sum, B a) {
    return vreinterpretq_s32_u32(vpadalq_u16(vreinterpretq_u32_s32(sum), vpaddlq_u8(a)));
  }
  static S count_bits(S sum, B a) { return add_u8(sum, vcntq_u8(a)); }
  static int64_t total_products(S sum) { return vaddlvq_s32(sum); }
  static int64_t total_counts(S sum) { return vaddlvq_s32(sum); }
};

}  // namespace
}  // namespace embedlane
