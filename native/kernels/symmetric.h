#pragma once

#include <cstddef>

namespace embedlane {

// Kernels for the eigenvectors of a symmetric matrix of doubles, see analytics/symmetric_eigen.h. The same
// bits on every level: products and sums are rounded separately, and a sum's order is that of the canonical
// sums in kernels.h.
struct SymmetricKernels {
  // Doubles of a row that rotations take at a time: as many as leave registers for two sweeps.
  static constexpr size_t kSlice = 16;

  // Rotations of neighbouring rows of a slice, from rows first + count - 1 and first + count up to rows
  // `first` and first + 1: row i + 1 becomes s * row i + c * row i+1, row i becomes c * row i - s * row i+1.
  // `turns` has c and s of each, in that order.
  struct Sweep {
    const double* turns;
    size_t first;
    size_t count;
  };

  // row -= v * ws + w * vs, and the sum of row * next after it; of `n` elements.
  double (*update_and_dot)(double* row, double v, const double* ws, double w, const double* vs,
                           const double* next, size_t n);
  // x -= beta * (x·v) * v
  void (*reflect)(double* x, const double* v, double beta, size_t n);
  void (*rotate)(double* slice, const Sweep& sweep);
  // One after the other, in one pass over the rows. All rows of the second are among those of the first; it
  // has a rotation.
  void (*rotate_twice)(double* slice, const Sweep& sweep, const Sweep& second);
};

}  // namespace embedlane
