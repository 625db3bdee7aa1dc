#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

namespace embedlane {
namespace {

inline uint8_t rounded(int32_t sum) {
  const int32_t value = (sum + (1 << 21)) >> 22;
  return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
}

void pack(const int32_t* weights, size_t steps, uint8_t* packed) {
  int32_t* out = reinterpret_cast<int32_t*>(packed);
  for (size_t i = 0; i < steps; i++) out[i] = weights[i];
}

void across(const uint8_t* pixels, size_t stride, size_t rows, const PackedTaps& taps, uint8_t* out,
            size_t out_stride) {
  for (size_t y = 0; y < rows; y++) {
    for (size_t i = 0; i < taps.outputs; i++) {
      const uint8_t* p = pixels + y * stride + 3 * size_t(taps.starts[i]);
      const int32_t* w = reinterpret_cast<const int32_t*>(taps.packed + i * taps.stride);
      int32_t sums[3] = {0, 0, 0};
      for (size_t j = 0; j < taps.steps[i]; j++, p += 3) {
        for (int c = 0; c < 3; c++) sums[c] += int32_t(p[c]) * w[j];
      }
      for (int c = 0; c < 3; c++) out[y * out_stride + 3 * i + c] = rounded(sums[c]);
    }
  }
}

void down(const uint8_t* pixels, size_t stride, const int32_t* weights, size_t taps, size_t bytes,
          uint8_t* out) {
  constexpr size_t kBlock = 64;
  for (size_t x = 0; x < bytes; x += kBlock) {
    const size_t n = bytes - x < kBlock ? bytes - x : kBlock;
    int32_t sums[kBlock] = {};
    for (size_t t = 0; t < taps; t++) {
      const uint8_t* row = pixels + t * stride + x;
      for (size_t i = 0; i < n; i++) sums[i] += int32_t(row[i]) * weights[t];
    }
    for (size_t i = 0; i < n; i++) out[x + i] = rounded(sums[i]);
  }
}

constexpr ResampleKernels kResample = {1, sizeof(int32_t), pack, across, down};

}  // namespace
}  // namespace embedlane

const embedlane::ResampleKernels& embedlane::scalar_resample() noexcept { return kResample; }
