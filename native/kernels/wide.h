#pragma once

#include <cstddef>

namespace embedlane {

// Kernels for many pairs of rows of floats, which have been widened to float64 once before: every row then
// meets many others, and to widen it each time would cost more than the sums. The sums are the canonical ones
// of RowKernels, bit for bit.
struct WideKernels {
  // Rows of `a` in a tile, and of `b`.
  static constexpr size_t kTileA = 4;
  static constexpr size_t kMaxTileB = 8;
  size_t tile_b;

  // `n` floats of kF32, kF16, kBf16, by Dtype; exact.
  void (*widen[3])(const void* x, size_t n, double* out);

  // out[i * out_stride + j] = sum over row i of `a` and row j of `b`, for `a_rows` (a multiple of kTileA) and
  // tile_b rows that lie `stride` doubles apart.
  using Sums = void (*)(const double* a, size_t a_rows, const double* b, size_t stride, size_t dims,
                        double* out, size_t out_stride);
  Sums dots;
  Sums squared_l2;
  Sums l1;

  // Scores from sums, rounded to float32: as cosine_of (the roots are those of the sums of squares), the root
  // of squared_l2, and as they are.
  void (*cosines)(const double* dots, double a_root, const double* b_roots, size_t n, float* out);
  void (*roots)(const double* sums, size_t n, float* out);
  void (*narrow)(const double* sums, size_t n, float* out);
};

}  // namespace embedlane
