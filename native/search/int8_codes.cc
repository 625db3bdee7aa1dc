#include "int8_codes.h"

#include <cmath>
#include <limits>

namespace embedlane {
namespace {

// At least `x` as a float32, and the rounding of some thousand float64 additions.
float round_up(double x) {
  const double more = x * (1 + 1e-9);
  const float rounded = float(more);
  return double(rounded) < more ? std::nextafter(rounded, std::numeric_limits<float>::infinity()) : rounded;
}

}  // namespace

void make_int8_codes(const Kernels& kernels, const void* rows, size_t stride, size_t count, size_t dims,
                     int8_t* codes, size_t code_stride, float* scales, float* errors, float* norms) {
  const RowKernels& sums = row_kernels(kernels, Dtype::kF32);
  for (size_t r = 0; r < count; r++) {
    const float* x = reinterpret_cast<const float*>(static_cast<const char*>(rows) + r * stride);
    int8_t* to = codes + r * code_stride;
    double norm_square;
    sums.dots(x, x, 0, 1, dims, &norm_square);
    norms[r] = float(std::sqrt(norm_square));
    const float largest = kernels.conversions.largest_size(x, dims);
    scales[r] = largest / 127;
    if (!(scales[r] >= std::numeric_limits<float>::min() && std::isfinite(largest))) {
      for (size_t i = 0; i < dims; i++) to[i] = 0;
      scales[r] = 1;
      errors[r] =
          std::isfinite(norms[r]) ? round_up(std::sqrt(norm_square)) : std::numeric_limits<float>::infinity();
      continue;
    }
    kernels.conversions.to_scaled(x, scales[r], dims, to);
    const double scale = scales[r];
    const auto square = [&](size_t i) {
      const double left = double(x[i]) - scale * to[i];
      return left * left;
    };
    // Four sums, which compilers turn into vectors.
    double error[4] = {};
    size_t i = 0;
    for (; i + 4 <= dims; i += 4) {
      for (size_t j = 0; j < 4; j++) error[j] += square(i + j);
    }
    for (; i < dims; i++) error[i % 4] += square(i);
    errors[r] = round_up(std::sqrt((error[0] + error[1]) + (error[2] + error[3])));
  }
}

}  // namespace embedlane
