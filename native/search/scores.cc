#include "scores.h"

#include <algorithm>
#include <vector>

namespace embedlane {
namespace {

// Half of a small second-level cache.
constexpr size_t kBlockFloats = 128 * 1024 / sizeof(float);
constexpr size_t kMaxBlockRows = 512;

}  // namespace

double square_of(const Kernels& kernels, const float* query, size_t dims) {
  double square;
  kernels.rows[size_t(Dtype::kF32)].dots(query, query, 0, 1, dims, &square);
  return square;
}

void score_rows(const Kernels& kernels, Metric metric, const float* query, double query_square,
                const float* rows, size_t count, size_t dims, double* scratch, float* out) {
  const RowKernels& sums = kernels.rows[size_t(Dtype::kF32)];
  const size_t stride = row_bytes(Dtype::kF32, dims);
  switch (metric) {
    case Metric::kDot:
      sums.dots(query, rows, stride, count, dims, scratch);
      for (size_t i = 0; i < count; i++) out[i] = float(scratch[i]);
      return;
    case Metric::kCosine:
      sums.dots_and_squares(query, rows, stride, count, dims, scratch, scratch + count);
      for (size_t i = 0; i < count; i++)
        out[i] = float(cosine_of(scratch[i], query_square, scratch[count + i]));
      return;
    case Metric::kL2:
      sums.squared_l2(query, rows, stride, count, dims, scratch);
      for (size_t i = 0; i < count; i++) out[i] = float(std::sqrt(scratch[i]));
      return;
    case Metric::kL1:
      sums.l1(query, rows, stride, count, dims, scratch);
      for (size_t i = 0; i < count; i++) out[i] = float(scratch[i]);
      return;
  }
}

void score_matrix(const Kernels& kernels, Metric metric, const float* a, size_t a_rows, const float* b,
                  size_t b_rows, size_t dims, float* out) {
  if (a_rows == 0 || b_rows == 0) return;
  const size_t block = std::clamp<size_t>(kBlockFloats / std::max<size_t>(dims, 1), 1, kMaxBlockRows);
  std::vector<double> scratch(2 * block);
  std::vector<double> squares(metric == Metric::kCosine ? a_rows : 0);
  for (size_t i = 0; i < squares.size(); i++) squares[i] = square_of(kernels, a + i * dims, dims);
  for (size_t j = 0; j < b_rows; j += block) {
    const size_t count = std::min(block, b_rows - j);
    for (size_t i = 0; i < a_rows; i++) {
      score_rows(kernels, metric, a + i * dims, squares.empty() ? 0 : squares[i], b + j * dims, count, dims,
                 scratch.data(), out + i * b_rows + j);
    }
  }
}

}  // namespace embedlane
