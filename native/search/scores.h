#pragma once

#include <cmath>
#include <cstddef>

#include "../kernels/kernels.h"

namespace embedlane {

enum class Metric { kCosine, kDot, kL2, kL1 };

// Canonical scores: float64 sums (see Kernels), rounded to float32 once, at the end. The same pair gives the
// same bits in a pair call, in a matrix and in a search, on every level.

// Cosine from its float64 parts. A zero vector is similar to nothing: 0. NaN and Inf go through.
inline double cosine_of(double dot, double a_square, double b_square) {
  const double norms = std::sqrt(a_square) * std::sqrt(b_square);
  return norms == 0 ? 0 : dot / norms;
}

// The score of `query` with each of `count` consecutive rows. `scratch` holds 2 × count doubles.
void score_rows(const Kernels& kernels, Metric metric, const float* query, double query_square,
                const float* rows, size_t count, size_t dims, double* scratch, float* out);

// query·query, the `query_square` of score_rows.
double square_of(const Kernels& kernels, const float* query, size_t dims);

// out[i * b_rows + j] = score of row i of `a` with row j of `b`. The rows of `b` are taken in blocks that
// stay in cache while every row of `a` passes over them.
void score_matrix(const Kernels& kernels, Metric metric, const float* a, size_t a_rows, const float* b,
                  size_t b_rows, size_t dims, float* out);

}  // namespace embedlane
