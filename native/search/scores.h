#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "../kernels/kernels.h"

namespace embedlane {

// Of bits, kL1 is the Hamming distance; only they have a Jaccard distance.
enum class Metric { kCosine, kDot, kL2, kL1, kJaccard };

// Canonical scores: sums of the row kernels (see RowKernels), put together in float64 and rounded to float32
// once, at the end. The same pair gives the same bits in a pair call, in a matrix and in a search, on every
// level.

// Cosine from its float64 parts. A zero vector is similar to nothing: 0. NaN and Inf go through.
inline double cosine_of(double dot, double a_square, double b_square) {
  const double norms = std::sqrt(a_square) * std::sqrt(b_square);
  return norms == 0 ? 0 : dot / norms;
}

// Jaccard distance, 1 - |a and b| / |a or b|, from counts of bits. Two vectors without any are alike: 0.
inline double jaccard_of(double both, double a_bits, double b_bits) {
  const double either = a_bits + b_bits - both;
  return either == 0 ? 0 : (either - both) / either;
}

// One query with its own sum of squares, of its codes where it has a scale.
struct ScoredQuery {
  const void* data;
  double square;
  float scale = 1;
};

// Rows to compare with it.
struct ScoredRows {
  const void* data;
  size_t stride;
  size_t count;
  const float* scales = nullptr;  // per row; null: 1
};

// The score of a query with each of the rows. `scratch` holds 2 × count doubles.
//
// With scales, elements are codes times the vector's scale: a dot product is the codes' (exact) times both
// scales; l2 is the root of |a|² − 2a·b + |b|², whose terms are exact integers times scales; l1 has no
// scales.
void score_rows(const RowKernels& kernels, Metric metric, size_t dims, const ScoredQuery& query,
                const ScoredRows& rows, double* scratch, float* out);

// Its two steps, of which the first is the same for a search that looks at few of the scores.
//
// Sums that the metric needs, into `sums` and, where it needs them, each row's sum of squares into `squares`.
void sum_rows(const RowKernels& kernels, Metric metric, size_t dims, const ScoredQuery& query,
              const ScoredRows& rows, double* sums, double* squares);
// The score of row `r` from these sums, where the squares follow the sums.
float score_of(Metric metric, const ScoredQuery& query, const ScoredRows& rows, const double* sums, size_t r);

// query·query, the `square` of ScoredQuery.
double square_of(const RowKernels& kernels, const void* query, size_t dims);

}  // namespace embedlane
