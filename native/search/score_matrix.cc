#include "score_matrix.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "aligned.h"
#include "rounding.h"

namespace embedlane {
namespace {

// Half of a small second-level cache, for the rows that stay while others pass.
constexpr size_t kBlockBytes = 256 * 1024;
constexpr size_t kMaxBlockRows = 256;
constexpr size_t kPanelRows = 96;  // a multiple of every tile's rows
// Pairs of values in a unit of work: about 0.2 ms.
constexpr size_t kUnitProducts = size_t(1) << 23;
// Fewer rows of `a` than this read `b` faster as it is, and a tile of longer ones would take megabytes.
constexpr size_t kMinWidened = 3;
constexpr size_t kMaxWidened = size_t(1) << 16;

// An odd number of cache lines: rows a multiple of 4 kB apart would share a few of the nearest cache's sets.
size_t odd_lines(size_t doubles) { return (divide_up(doubles, 8) | 1) * 8; }

bool is_float(Dtype dtype) { return dtype == Dtype::kF32 || dtype == Dtype::kF16 || dtype == Dtype::kBf16; }

bool needs_squares(Metric metric) { return metric == Metric::kCosine || metric == Metric::kJaccard; }

}  // namespace

ScoreMatrix::ScoreMatrix(const Kernels& kernels, const MatrixInput& input)
    : wide_(kernels.wide),
      rows_(row_kernels(kernels, input.dtype)),
      input_(input),
      widens_(is_float(input.dtype) && input.dims <= kMaxWidened && input.a_rows >= kMinWidened &&
              input.b_rows >= wide_.tile_b),
      row_bytes_(row_bytes(input.dtype, input.dims)),
      stride_(odd_lines(input.dims)) {
  const size_t kept = widens_ ? stride_ * sizeof(double) : row_bytes_;
  const size_t most = std::clamp<size_t>(kBlockBytes / kept, WideKernels::kTileA, kMaxBlockRows);
  panel_ = widens_ ? kPanelRows : most;
  // Blocks of like size, of whole tiles.
  a_block_ = divide_up(std::max<size_t>(input.a_rows, 1), divide_up(std::max<size_t>(input.a_rows, 1), most));
  a_block_ = round_up(a_block_, WideKernels::kTileA);
  a_blocks_ = divide_up(input.a_rows, a_block_);
  b_run_ = round_up(std::clamp<size_t>(kUnitProducts / a_block_ / input.dims, 1, input.b_rows + 1), panel_);
  b_runs_ = divide_up(input.b_rows, b_run_);
}

// What a thread needs: a block of `a` and a panel of `b`, with what their scores are made of.
class ScoreMatrix::Desk {
 public:
  explicit Desk(const ScoreMatrix& job)
      : job_(job),
        widen_(job.widens_ ? job.wide_.widen[size_t(job.input_.dtype)] : nullptr),
        a_squares_(job.a_block_),
        b_squares_(job.panel_),
        b_roots_(job.panel_),
        sums_((job.widens_ ? job.a_block_ : 1) * job.panel_) {
    if (!job.widens_) return;
    // Rows that a tile has too many are zeros.
    a_ = aligned<double>(job.a_block_ * job.stride_);
    b_ = aligned<double>(job.wide_.tile_b * job.stride_);
    std::fill_n(a_.get(), job.a_block_ * job.stride_, 0.0);
    std::fill_n(b_.get(), job.wide_.tile_b * job.stride_, 0.0);
  }

  void score(size_t a_block, size_t first, size_t end) {
    take(a_block);
    for (size_t panel = first; panel < end; panel += job_.panel_) {
      const size_t count = std::min(job_.panel_, end - panel);
      if (job_.widens_) {
        sum_tiles(panel, count);
        for (size_t i = 0; i < a_count_; i++) write(i, panel, count, sums_.data() + i * job_.panel_);
      } else {
        for (size_t i = 0; i < a_count_; i++) {
          sum_row(i, panel, count);
          write(i, panel, count, sums_.data());
        }
      }
    }
  }

 private:
  const char* a_row(size_t i) const {
    return static_cast<const char*>(job_.input_.a) + (a_first_ + i) * job_.row_bytes_;
  }
  const char* b_row(size_t j) const { return static_cast<const char*>(job_.input_.b) + j * job_.row_bytes_; }

  void take(size_t a_block) {
    if (a_count_ != 0 && a_first_ == a_block * job_.a_block_) return;
    a_first_ = a_block * job_.a_block_;
    a_count_ = std::min(job_.a_block_, job_.input_.a_rows - a_first_);
    const size_t dims = job_.input_.dims;
    for (size_t i = 0; i < a_count_; i++) {
      if (needs_squares(job_.input_.metric)) a_squares_[i] = square_of(job_.rows_, a_row(i), dims);
      if (job_.widens_) widen_(a_row(i), dims, a_.get() + i * job_.stride_);
    }
  }

  // The sums of all of the block with rows of `b`, and these rows' squares.
  void sum_tiles(size_t panel, size_t count) {
    const MatrixInput& input = job_.input_;
    const size_t tile = job_.wide_.tile_b, a_rows = round_up(a_count_, WideKernels::kTileA);
    const auto sums = input.metric == Metric::kL2   ? job_.wide_.squared_l2
                      : input.metric == Metric::kL1 ? job_.wide_.l1
                                                    : job_.wide_.dots;
    for (size_t j = 0; j < count; j += tile) {
      for (size_t r = j; r < std::min(j + tile, count); r++) {
        widen_(b_row(panel + r), input.dims, b_.get() + (r - j) * job_.stride_);
        if (needs_squares(input.metric)) {
          set_square(r, square_of(job_.rows_, b_row(panel + r), input.dims));
        }
      }
      sums(a_.get(), a_rows, b_.get(), job_.stride_, input.dims, sums_.data() + j, job_.panel_);
    }
  }

  // The sums of one row of the block with rows of `b`; these rows' squares with the first.
  void sum_row(size_t i, size_t panel, size_t count) {
    const MatrixInput& input = job_.input_;
    const ScoredQuery query = {a_row(i), a_squares_[i]};
    const ScoredRows rows = {b_row(panel), job_.row_bytes_, count};
    if (needs_squares(input.metric) && i > 0) {
      job_.rows_.dots(query.data, rows.data, rows.stride, count, input.dims, sums_.data());
      return;
    }
    sum_rows(job_.rows_, input.metric, input.dims, query, rows, sums_.data(), b_squares_.data());
    if (needs_squares(input.metric)) {
      for (size_t r = 0; r < count; r++) set_square(r, b_squares_[r]);
    }
  }

  void set_square(size_t r, double square) {
    b_squares_[r] = square;
    b_roots_[r] = std::sqrt(square);
  }

  void write(size_t i, size_t panel, size_t count, const double* sums) {
    const MatrixInput& input = job_.input_;
    float* const out = input.out + (a_first_ + i) * input.b_rows + panel;
    switch (input.metric) {
      case Metric::kCosine:
        return job_.wide_.cosines(sums, std::sqrt(a_squares_[i]), b_roots_.data(), count, out);
      case Metric::kL2:
        return job_.wide_.roots(sums, count, out);
      case Metric::kDot:
      case Metric::kL1:
        return job_.wide_.narrow(sums, count, out);
      case Metric::kJaccard:
        for (size_t r = 0; r < count; r++) out[r] = float(jaccard_of(sums[r], a_squares_[i], b_squares_[r]));
    }
  }

  const ScoreMatrix& job_;
  void (*const widen_)(const void* x, size_t n, double* out);
  size_t a_first_ = 0;
  size_t a_count_ = 0;
  std::vector<double> a_squares_, b_squares_, b_roots_;
  std::vector<double>
      sums_;  // of panel_ rows of `b`, per row of the block; of one row where nothing is widened
  Aligned<double> a_, b_;
};

void ScoreMatrix::work() {
  size_t unit = next_.fetch_add(1, std::memory_order_relaxed);
  if (unit >= units() || cancelled()) return;
  Desk desk(*this);
  for (; unit < units() && !cancelled(); unit = next_.fetch_add(1, std::memory_order_relaxed)) {
    const size_t first = unit % b_runs_ * b_run_;
    desk.score(unit / b_runs_, first, std::min(first + b_run_, input_.b_rows));
  }
}

}  // namespace embedlane
