#pragma once

#include <cstddef>

namespace embedlane {

// Kernels for the eigenvectors of a symmetric matrix of doubles, see analytics/symmetric_eigen.h. The same
// bits on every level: products and sums are rounded separately, and a sum's order is that of the canonical
// sums in kernels.h.
struct SymmetricKernels {
  // Doubles of a row that `rotate` takes at a time.
  static constexpr size_t kSlice = 32;

  // row -= v * ws + w * vs, and the sum of row * next after it; of `n` elements.
  double (*update_and_dot)(double* row, double v, const double* ws, double w, const double* vs,
                           const double* next, size_t n);
  // x -= beta * (x·v) * v
  void (*reflect)(double* x, const double* v, double beta, size_t n);
  // Turns each pair of neighbours among rows of kSlice doubles, from the last of `count` pairs to the first:
  // row i + 1 becomes s * row i + c * row i+1, row i becomes c * row i - s * row i+1. `turns` has c and s of
  // each pair, in that order.
  void (*rotate)(double* rows, const double* turns, size_t count);
};

}  // namespace embedlane
