#pragma once

#include <cstddef>
#include <cstdint>

#include "dtype.h"
#include "symmetric.h"
#include "wide.h"

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

// Conversions of `n` elements, the same bits on every level and in the TypeScript fallback.
struct Conversions {
  // Exact; a signalling NaN becomes quiet from f16, and stays from bf16.
  void (*from_f16)(const uint16_t* x, size_t n, float* out);
  // Round to nearest, ties to even; overflow to infinity. NaN stays NaN.
  void (*to_f16)(const float* x, size_t n, uint16_t* out);
  void (*from_bf16)(const uint16_t* x, size_t n, float* out);
  void (*to_bf16)(const float* x, size_t n, uint16_t* out);
  // max |x[i]|, 0 if n = 0; NaN if there is one, so that a finite result says that all values are.
  float (*largest_size)(const float* x, size_t n);
  // out[i] = floor((x[i] - starts[i]) / steps[i]), each operation rounded to float32, clamped to 0 … 255; XOR
  // `flip`, where 0x80 makes it an int8 (minus 128). NaN becomes 0.
  void (*bucket)(const float* x, const float* starts, const float* steps, size_t n, uint8_t flip,
                 uint8_t* out);
  // out[i] = (x[i] ^ flip) * steps[i] + starts[i], in float64, rounded to float32
  void (*unbucket)(const uint8_t* x, const float* starts, const float* steps, size_t n, uint8_t flip,
                   float* out);
  // out[i] = x[i] / scale in float32, rounded to the nearest integer, ties to even, clamped to ±127. Finite
  // x, scale > 0.
  void (*to_scaled)(const float* x, float scale, size_t n, int8_t* out);
  // out[i] = x[i] * scale
  void (*from_scaled)(const int8_t* x, float scale, size_t n, float* out);
  // One bit per element, set if x[i] > 0, the first in the highest bit of the first byte; unused bits are 0.
  // Bytes are XORed with `flip`.
  void (*pack_bits)(const float* x, size_t n, uint8_t flip, uint8_t* out);
  // The reverse: 1 or 0.
  void (*unpack_bits)(const uint8_t* x, size_t n, uint8_t flip, float* out);
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
  Conversions conversions;
  WideKernels wide;
  SymmetricKernels symmetric;

  // sums[i] += weight * x[i]
  void (*accumulate)(const float* x, double weight, size_t n, double* sums);
  // best[i] = max(best[i], x[i]); NaN sticks.
  void (*maximum)(const float* x, size_t n, float* best);
  // out[i] = float(sums[i] / divisor)
  void (*divide)(const double* sums, double divisor, size_t n, float* out);
  // x[i] = float(x[i] * factor), in place
  void (*scale)(double factor, size_t n, float* x);
};

const Kernels& scalar_kernels() noexcept;
const Kernels& avx2_kernels() noexcept;
const Kernels& avx512_kernels() noexcept;
const Kernels& avx512_vnni_kernels() noexcept;
const Kernels& neon_kernels() noexcept;
const Kernels& neon_dotprod_kernels() noexcept;

}  // namespace embedlane
