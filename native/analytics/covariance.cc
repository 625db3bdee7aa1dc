#include "covariance.h"

#include <algorithm>

namespace embedlane {

Covariance::Covariance(const Kernels& kernels, const float* rows, size_t count, size_t dims,
                       const double* mean, double* scatter)
    : kernels_(kernels),
      rows_(rows),
      count_(count),
      dims_(dims),
      mean_(mean),
      scatter_(scatter),
      blocks_((count + kBlockRows - 1) / kBlockRows),
      parts_(std::min(blocks_, dims > kWide ? 2 : kParts)),
      sums_(parts_) {}

void Covariance::work(const std::atomic<bool>& cancelled) {
  std::vector<float> columns(dims_ * kBlockRows);
  std::vector<double> products(dims_);
  for (size_t part = next_++; part < parts_; part = next_++) {
    std::vector<double>& sums = sums_[part];
    sums.assign(dims_ * dims_, 0);
    for (size_t b = part * blocks_ / parts_; b < (part + 1) * blocks_ / parts_; b++) {
      if (cancelled.load(std::memory_order_relaxed)) return;
      const size_t from = b * kBlockRows;
      add_block(rows_ + from * dims_, std::min(kBlockRows, count_ - from), columns.data(), products.data(),
                sums.data());
    }
  }
}

void Covariance::add_block(const float* rows, size_t count, float* columns, double* products,
                           double* sums) const {
  for (size_t r = 0; r < count; r++) {
    for (size_t c = 0; c < dims_; c++) columns[c * count + r] = float(rows[r * dims_ + c] - mean_[c]);
  }
  const auto dots = kernels_.rows[size_t(Dtype::kF32)].dots;
  for (size_t i = 0; i < dims_; i++) {
    const float* column = columns + i * count;
    dots(column, column, count * sizeof(float), dims_ - i, count, products);
    for (size_t j = i; j < dims_; j++) sums[i * dims_ + j] += products[j - i];
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
