#include "covariance.h"

#include <algorithm>

#include "../search/rounding.h"

namespace embedlane {

Covariance::Covariance(const Kernels& kernels, const float* rows, size_t count, size_t dims,
                       const double* mean, double* scatter)
    : kernels_(kernels),
      rows_(rows),
      count_(count),
      dims_(dims),
      padded_(round_up(dims, WideKernels::kTileA) + WideKernels::kMaxTileB),
      mean_(mean),
      scatter_(scatter),
      blocks_((count + kBlockRows - 1) / kBlockRows),
      parts_(std::min(blocks_, dims > kWide ? 2 : kParts)),
      sums_(parts_) {}

void Covariance::work(const std::atomic<bool>& cancelled) {
  Desk desk = {aligned<double>(padded_ * kStride), std::vector<double>(kTileRows * kernels_.wide.tile_b)};
  // Columns that a tile has too many are zeros.
  std::fill_n(desk.columns.get(), padded_ * kStride, 0.0);
  for (size_t part = next_++; part < parts_; part = next_++) {
    std::vector<double>& sums = sums_[part];
    sums.assign(dims_ * dims_, 0);
    for (size_t b = part * blocks_ / parts_; b < (part + 1) * blocks_ / parts_; b++) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const size_t from = b * kBlockRows;
      add_block(rows_ + from * dims_, std::min(kBlockRows, count_ - from), desk, sums.data());
    }
  }
}

void Covariance::add_block(const float* rows, size_t count, Desk& desk, double* sums) const {
  double* const columns = desk.columns.get();
  for (size_t r = 0; r < count; r++) {
    for (size_t c = 0; c < dims_; c++)
      columns[c * kStride + r] = double(float(rows[r * dims_ + c] - mean_[c]));
  }
  const WideKernels& wide = kernels_.wide;
  for (size_t first = 0; first < dims_; first += kTileRows) {
    for (size_t j = first / wide.tile_b * wide.tile_b; j < dims_; j += wide.tile_b) {
      const size_t j_end = std::min(j + wide.tile_b, dims_);
      const size_t end = std::min(first + kTileRows, j_end);
      wide.dots(columns + first * kStride, round_up(end - first, WideKernels::kTileA), columns + j * kStride,
                kStride, count, desk.products.data(), wide.tile_b);
      for (size_t i = first; i < end; i++) {
        for (size_t at = std::max(i, j); at < j_end; at++) {
          sums[i * dims_ + at] += desk.products[(i - first) * wide.tile_b + (at - j)];
        }
      }
    }
  }
}

void Covariance::finish() {
  for (size_t i = 0; i < dims_; i++) {
    for (size_t j = i; j < dims_; j++) {
      double sum = 0;
      for (const std::vector<double>& part : sums_) sum += part[i * dims_ + j];
      scatter_[i * dims_ + j] = scatter_[j * dims_ + i] = sum;
    }
  }
}

}  // namespace embedlane
