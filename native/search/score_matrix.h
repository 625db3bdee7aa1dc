#pragma once

#include <atomic>
#include <cstddef>

#include "../kernels/dispatch.h"
#include "../threads/job.h"
#include "scores.h"

namespace embedlane {

// Rows of `a` and of `b`, without gaps between them.
struct MatrixInput {
  Dtype dtype;
  Metric metric;
  const void* a;
  size_t a_rows;
  const void* b;
  size_t b_rows;
  size_t dims;
  float* out;  // out[i * b_rows + j] = score of row i of `a` with row j of `b`
};

// Canonical scores of every row of `a` with every row of `b`, which any number of threads may compute
// together.
class ScoreMatrix : public Job {
 public:
  ScoreMatrix(const Kernels& kernels, const MatrixInput& input);

  size_t units() const override { return a_blocks_ * b_runs_; }
  void work() override;

 private:
  class Desk;

  const WideKernels& wide_;
  const RowKernels& rows_;
  MatrixInput input_;
  bool widens_;  // floats, and enough of them to make widening pay
  size_t row_bytes_;
  size_t stride_;   // doubles from a widened row to the next
  size_t a_block_;  // rows of `a` in a unit of work
  size_t a_blocks_;
  size_t b_run_;  // rows of `b` in a unit of work
  size_t b_runs_;
  size_t panel_;  // rows of `b` that are scored at a time
  std::atomic<size_t> next_{0};
};

}  // namespace embedlane
