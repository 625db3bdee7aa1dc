#pragma once

#include <cstddef>
#include <cstdint>

#include "../kernels/kernels.h"

namespace embedlane {

// Row-major matrices of floats to fewer bits, and back. Functions that return a row return the first one with
// a value that is not finite, or kAllFinite; rows from there on are then not written.
constexpr ptrdiff_t kAllFinite = -1;

// The smallest and largest value of each dimension, as ranges[0 … dims) and ranges[dims … 2·dims). Of no
// rows: +infinity and -infinity.
ptrdiff_t find_ranges(const Kernels& kernels, const float* data, size_t rows, size_t dims, float* ranges);

// sentence-transformers' quantize_embeddings for uint8, or for int8 if `flip` is 0x80 (0 otherwise): 255
// buckets per dimension between its range's ends, those that lie outside clamped.
ptrdiff_t quantize_ranges(const Kernels& kernels, const float* data, size_t rows, size_t dims,
                          const float* ranges, uint8_t flip, uint8_t* out);
// Each bucket's lower end.
void dequantize_ranges(const Kernels& kernels, const uint8_t* codes, size_t rows, size_t dims,
                       const float* ranges, uint8_t flip, float* out);

// One row to codes in ±127 and returns the scale: a value is about its code times the scale, with an error of
// at most half of the scale (and two roundings). The scale is the largest size / 127, at least 2^-126; that
// of a zero row is 0. NaN if the row is not finite; then nothing was written.
float quantize_scaled(const Kernels& kernels, const float* row, size_t dims, int8_t* codes);
ptrdiff_t quantize_scaled_rows(const Kernels& kernels, const float* data, size_t rows, size_t dims,
                               int8_t* codes, float* scales);
void dequantize_scaled_rows(const Kernels& kernels, const int8_t* codes, const float* scales, size_t rows,
                            size_t dims, float* out);

// Rows to bits, each row a whole number of bytes. `flip` is XORed: 0x80 gives sentence-transformers'
// 'binary'.
ptrdiff_t pack_bit_rows(const Kernels& kernels, const float* data, size_t rows, size_t dims, uint8_t flip,
                        uint8_t* out);
void unpack_bit_rows(const Kernels& kernels, const uint8_t* bits, size_t rows, size_t dims, uint8_t flip,
                     float* out);

}  // namespace embedlane
