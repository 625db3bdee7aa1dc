#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.h"

namespace embedlane {

// Sums over the elements of a query and of each of `count` rows, which lie `stride` bytes apart (at least
// row_bytes, a multiple of alignment_of). What they mean for bits: `dots` counts the bits that both have,
// `squares` those that the row has, `squared_l2` and `l1` those in which they differ (Hamming distance).
struct RowKernels {
  void (*dots)(const void* query, const void* rows, size_t stride, size_t count, size_t dims, double* out);
  // query·row and row·row in one pass over the row.
  void (*dots_and_squares)(const void* query, const void* rows, size_t stride, size_t count, size_t dims,
                           double* dots, double* squares);
  void (*squared_l2)(const void* query, const void* rows, size_t stride, size_t count, size_t dims,
                     double* out);
  void (*l1)(const void* query, const void* rows, size_t stride, size_t count, size_t dims, double* out);
};

// One instruction set's kernels. Contracts that every level meets:
//
// Canonical sums of floats (`rows` of kF32, kF16, kBf16): bit-identical on every level and in the TypeScript
// fallback. Elements are widened to float64, exactly. Element i of the leading multiple of 16 goes to float64
// accumulator i mod 16, in order; the accumulators are summed by halving (i + (i+8), then +4, +2, +1); the
// remaining elements are summed in order into one more accumulator, which is added last. A product of two
// float32 is exact in float64, so a fused multiply-add changes nothing in `dots`; `squared_l2` rounds the
// product and the sum separately.
//
// Sums of integers and bits (`rows` of kI8, kU8, kB1) are exact: less than 2^53 for fewer than 2^37
// dimensions.
struct Kernels {
  RowKernels rows[kDtypeCount];  // by Dtype

  // sums[i] += weight * x[i]
  void (*accumulate)(const float* x, double weight, size_t n, double* sums);
  // best[i] = max(best[i], x[i]); NaN sticks.
  void (*maximum)(const float* x, size_t n, float* best);
  // out[i] = float(sums[i] / divisor)
  void (*divide)(const double* sums, double divisor, size_t n, float* out);
  // x[i] = float(x[i] * factor), in place
  void (*scale)(double factor, size_t n, float* x);
};

const Kernels& scalar_kernels();
const Kernels& avx2_kernels();
const Kernels& avx512_kernels();
const Kernels& avx512_vnni_kernels();
const Kernels& neon_kernels();
const Kernels& neon_dotprod_kernels();

}  // namespace embedlane
