#include "scores.h"

#include <algorithm>
#include <vector>

namespace embedlane {
namespace {

// Half of a small second-level cache.
constexpr size_t kBlockBytes = 128 * 1024;
constexpr size_t kMaxBlockRows = 512;

// codes' sums → squared distance of what they stand for. Rounding can leave a little less than nothing.
double scaled_square(double dot, double a_square, double b_square, double a_scale, double b_scale) {
  const double squares = a_scale * a_scale * a_square + b_scale * b_scale * b_square;
  const double square = squares - 2 * (a_scale * b_scale * dot);
  return square < 0 ? 0 : square;
}

}  // namespace

double square_of(const RowKernels& kernels, const void* query, size_t dims) {
  double square;
  kernels.dots(query, query, 0, 1, dims, &square);
  return square;
}

void sum_rows(const RowKernels& kernels, Metric metric, size_t dims, const ScoredQuery& query,
              const ScoredRows& rows, double* sums, double* squares) {
  const bool needs_squares =
      metric == Metric::kCosine || metric == Metric::kJaccard || (metric == Metric::kL2 && rows.scales);
  if (needs_squares) {
    kernels.dots_and_squares(query.data, rows.data, rows.stride, rows.count, dims, sums, squares);
    return;
  }
  const auto kernel = metric == Metric::kDot  ? kernels.dots
                      : metric == Metric::kL2 ? kernels.squared_l2
                                              : kernels.l1;
  kernel(query.data, rows.data, rows.stride, rows.count, dims, sums);
}

float score_of(Metric metric, const ScoredQuery& query, const ScoredRows& rows, const double* sums,
               size_t r) {
  const double sum = sums[r];
  switch (metric) {
    case Metric::kDot:
      return float(rows.scales ? sum * (double(query.scale) * double(rows.scales[r])) : sum);
    case Metric::kCosine:
      return float(cosine_of(sum, query.square, sums[rows.count + r]));
    case Metric::kL2:
      return float(std::sqrt(
          rows.scales ? scaled_square(sum, query.square, sums[rows.count + r], query.scale, rows.scales[r])
                      : sum));
    case Metric::kL1:
      return float(sum);
    case Metric::kJaccard:
      return float(jaccard_of(sum, query.square, sums[rows.count + r]));
  }
  return 0;
}

void score_rows(const RowKernels& kernels, Metric metric, size_t dims, const ScoredQuery& query,
                const ScoredRows& rows, double* scratch, float* out) {
  sum_rows(kernels, metric, dims, query, rows, scratch, scratch + rows.count);
  for (size_t r = 0; r < rows.count; r++) out[r] = score_of(metric, query, rows, scratch, r);
}

void score_matrix(const RowKernels& kernels, Dtype dtype, Metric metric, const void* a, size_t a_rows,
                  const void* b, size_t b_rows, size_t dims, float* out) {
  if (a_rows == 0 || b_rows == 0) return;
  const size_t stride = row_bytes(dtype, dims);
  const size_t block = std::clamp<size_t>(kBlockBytes / std::max<size_t>(stride, 1), 1, kMaxBlockRows);
  const char* const left = static_cast<const char*>(a);
  const char* const right = static_cast<const char*>(b);
  std::vector<double> scratch(2 * block);
  std::vector<double> squares(a_rows);
  if (metric == Metric::kCosine || metric == Metric::kJaccard) {
    for (size_t i = 0; i < a_rows; i++) squares[i] = square_of(kernels, left + i * stride, dims);
  }
  for (size_t j = 0; j < b_rows; j += block) {
    const ScoredRows rows = {right + j * stride, stride, std::min(block, b_rows - j)};
    for (size_t i = 0; i < a_rows; i++) {
      score_rows(kernels, metric, dims, {left + i * stride, squares[i]}, rows, scratch.data(),
                 out + i * b_rows + j);
    }
  }
}

}  // namespace embedlane
