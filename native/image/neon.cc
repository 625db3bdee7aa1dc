#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

namespace embedlane {
namespace {

constexpr size_t kTaps = 8;

inline uint8_t rounded(int32_t sum) {
  const int32_t value = (sum + (1 << 21)) >> 22;
  return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
}

inline int32x4_t low(uint16x8_t v) { return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(v))); }
inline int32x4_t high(uint16x8_t v) { return vreinterpretq_s32_u32(vmovl_high_u16(v)); }

void pack(const int32_t* weights, size_t steps, uint8_t* packed) {
  int32_t* out = reinterpret_cast<int32_t*>(packed);
  for (size_t i = 0; i < steps * kTaps; i++) out[i] = weights[i];
}

void across(const uint8_t* pixels, size_t stride, size_t rows, const PackedTaps& taps, uint8_t* out,
            size_t out_stride) {
  for (size_t y = 0; y < rows; y++) {
    for (size_t i = 0; i < taps.outputs; i++) {
      const uint8_t* p = pixels + y * stride + 3 * size_t(taps.starts[i]);
      const int32_t* w = reinterpret_cast<const int32_t*>(taps.packed + i * taps.stride);
      int32x4_t sums[3] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
      for (size_t s = taps.steps[i]; s > 0; s--, p += 3 * kTaps, w += kTaps) {
        const uint8x8x3_t rgb = vld3_u8(p);
        const int32x4_t weights_low = vld1q_s32(w), weights_high = vld1q_s32(w + 4);
        for (int c = 0; c < 3; c++) {
          const uint16x8_t values = vmovl_u8(rgb.val[c]);
          sums[c] = vmlaq_s32(sums[c], low(values), weights_low);
          sums[c] = vmlaq_s32(sums[c], high(values), weights_high);
        }
      }
      for (int c = 0; c < 3; c++) out[y * out_stride + 3 * i + size_t(c)] = rounded(vaddvq_s32(sums[c]));
    }
  }
}

void down(const uint8_t* pixels, size_t stride, const int32_t* weights, size_t taps, size_t bytes,
          uint8_t* out) {
  constexpr size_t kBytes = 16;
  if (bytes < kBytes) {
    for (size_t x = 0; x < bytes; x++) {
      int32_t sum = 0;
      for (size_t t = 0; t < taps; t++) sum += int32_t(pixels[t * stride + x]) * weights[t];
      out[x] = rounded(sum);
    }
    return;
  }
  // The last block overlaps the one before it.
  for (size_t x = 0; x < bytes; x += kBytes) {
    const size_t start = x + kBytes <= bytes ? x : bytes - kBytes;
    int32x4_t sums[4];
    for (int i = 0; i < 4; i++) sums[i] = vdupq_n_s32(1 << 21);
    for (size_t t = 0; t < taps; t++) {
      const uint8x16_t values = vld1q_u8(pixels + t * stride + start);
      const uint16x8_t first = vmovl_u8(vget_low_u8(values)), second = vmovl_high_u8(values);
      const int32x4_t weight = vdupq_n_s32(weights[t]);
      sums[0] = vmlaq_s32(sums[0], low(first), weight);
      sums[1] = vmlaq_s32(sums[1], high(first), weight);
      sums[2] = vmlaq_s32(sums[2], low(second), weight);
      sums[3] = vmlaq_s32(sums[3], high(second), weight);
    }
    for (int i = 0; i < 4; i++) sums[i] = vshrq_n_s32(sums[i], 22);
    const int16x8_t first = vcombine_s16(vqmovn_s32(sums[0]), vqmovn_s32(sums[1]));
    const int16x8_t second = vcombine_s16(vqmovn_s32(sums[2]), vqmovn_s32(sums[3]));
    vst1q_u8(out + start, vcombine_u8(vqmovun_s16(first), vqmovun_s16(second)));
  }
}

constexpr ResampleKernels kResample = {kTaps, kTaps * sizeof(int32_t), pack, across, down};

}  // namespace
}  // namespace embedlane

const embedlane::ResampleKernels& embedlane::neon_resample() noexcept { return kResample; }
