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

void score_rows(const RowKernels& kernels, Metric metric, size_t dims, const ScoredQuery& query,
                const ScoredRows& rows, double* scratch, float* out) {
  const size_t count = rows.count;
  double* squares = scratch + count;
  switch (metric) {
    case Metric::kDot:
      kernels.dots(query.data, rows.data, rows.stride, count, dims, scratch);
      if (rows.scales) {
        for (size_t i = 0; i < count; i++) scratch[i] *= double(query.scale) * double(rows.scales[i]);
      }
      for (size_t i = 0; i < count; i++) out[i] = float(scratch[i]);
      return;
    case Metric::kCosine:
      kernels.dots_and_squares(query.data, rows.data, rows.stride, count, dims, scratch, squares);
      for (size_t i = 0; i < count; i++) out[i] = float(cosine_of(scratch[i], query.square, squares[i]));
      return;
    case Metric::kL2:
      if (rows.scales) {
        kernels.dots_and_squares(query.data, rows.data, rows.stride, count, dims, scratch, squares);
        for (size_t i = 0; i < count; i++) {
          scratch[i] = scaled_square(scratch[i], query.square, squares[i], query.scale, rows.scales[i]);
        }
      } else {
        kernels.squared_l2(query.data, rows.data, rows.stride, count, dims, scratch);
      }
      for (size_t i = 0; i < count; i++) out[i] = float(std::sqrt(scratch[i]));
      return;
    case Metric::kL1:
      kernels.l1(query.data, rows.data, rows.stride, count, dims, scratch);
      for (size_t i = 0; i < count; i++) out[i] = float(scratch[i]);
      return;
  }
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
  if (metric == Metric::kCosine) {
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
