#include "scores.h"

namespace embedlane {
namespace {

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

}  // namespace embedlane
