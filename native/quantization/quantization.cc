#include "quantization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace embedlane {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool all_finite(const Kernels& kernels, const float* row, size_t dims) {
  return kernels.conversions.largest_size(row, dims) < kInfinity;
}

// Calls visit(row number, row) until a row is not finite.
template <class Visit>
ptrdiff_t finite_rows(const Kernels& kernels, const float* data, size_t rows, size_t dims,
                      const Visit& visit) {
  for (size_t r = 0; r < rows; r++) {
    const float* row = data + r * dims;
    if (!all_finite(kernels, row, dims)) return ptrdiff_t(r);
    visit(r, row);
  }
  return kAllFinite;
}

// float32 as numpy computes it, where a range of one value has steps of 1.
std::vector<float> steps_of(const float* ranges, size_t dims) {
  std::vector<float> steps(dims);
  for (size_t i = 0; i < dims; i++) {
    const float step = (ranges[dims + i] - ranges[i]) / 255.0f;
    steps[i] = step == 0 ? 1 : step;
  }
  return steps;
}

}  // namespace

ptrdiff_t find_ranges(const Kernels& kernels, const float* data, size_t rows, size_t dims, float* ranges) {
  float* const smallest = ranges;
  float* const largest = ranges + dims;
  std::fill(smallest, smallest + dims, kInfinity);
  std::fill(largest, largest + dims, -kInfinity);
  return finite_rows(kernels, data, rows, dims, [&](size_t, const float* row) {
    for (size_t i = 0; i < dims; i++) {
      smallest[i] = row[i] < smallest[i] ? row[i] : smallest[i];
      largest[i] = row[i] > largest[i] ? row[i] : largest[i];
    }
  });
}

ptrdiff_t quantize_ranges(const Kernels& kernels, const float* data, size_t rows, size_t dims,
                          const float* ranges, uint8_t flip, uint8_t* out) {
  const std::vector<float> steps = steps_of(ranges, dims);
  return finite_rows(kernels, data, rows, dims, [&](size_t r, const float* row) {
    kernels.conversions.bucket(row, ranges, steps.data(), dims, flip, out + r * dims);
  });
}

void dequantize_ranges(const Kernels& kernels, const uint8_t* codes, size_t rows, size_t dims,
                       const float* ranges, uint8_t flip, float* out) {
  const std::vector<float> steps = steps_of(ranges, dims);
  for (size_t r = 0; r < rows; r++) {
    kernels.conversions.unbucket(codes + r * dims, ranges, steps.data(), dims, flip, out + r * dims);
  }
}

float quantize_scaled(const Kernels& kernels, const float* row, size_t dims, int8_t* codes) {
  const float largest = kernels.conversions.largest_size(row, dims);
  if (!(largest < kInfinity)) return std::numeric_limits<float>::quiet_NaN();
  if (largest == 0) {
    std::fill(codes, codes + dims, int8_t(0));
    return 0;
  }
  // A subnormal scale would be too coarse a number.
  const float scale = std::max(largest / 127.0f, std::numeric_limits<float>::min());
  kernels.conversions.to_scaled(row, scale, dims, codes);
  return scale;
}

ptrdiff_t quantize_scaled_rows(const Kernels& kernels, const float* data, size_t rows, size_t dims,
                               int8_t* codes, float* scales) {
  for (size_t r = 0; r < rows; r++) {
    scales[r] = quantize_scaled(kernels, data + r * dims, dims, codes + r * dims);
    if (std::isnan(scales[r])) return ptrdiff_t(r);
  }
  return kAllFinite;
}

void dequantize_scaled_rows(const Kernels& kernels, const int8_t* codes, const float* scales, size_t rows,
                            size_t dims, float* out) {
  for (size_t r = 0; r < rows; r++) {
    kernels.conversions.from_scaled(codes + r * dims, scales[r], dims, out + r * dims);
  }
}

ptrdiff_t pack_bit_rows(const Kernels& kernels, const float* data, size_t rows, size_t dims, uint8_t flip,
                        uint8_t* out) {
  const size_t width = row_bytes(Dtype::kB1, dims);
  return finite_rows(kernels, data, rows, dims, [&](size_t r, const float* row) {
    kernels.conversions.pack_bits(row, dims, flip, out + r * width);
  });
}

void unpack_bit_rows(const Kernels& kernels, const uint8_t* bits, size_t rows, size_t dims, uint8_t flip,
                     float* out) {
  const size_t width = row_bytes(Dtype::kB1, dims);
  for (size_t r = 0; r < rows; r++) {
    kernels.conversions.unpack_bits(bits + r * width, dims, flip, out + r * dims);
  }
}

}  // namespace embedlane
