#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../kernels/kernels.h"

namespace embedlane {

// Sums the rows of each group: the update step of k-means, and with one group the column sums of a matrix.
//
// Threads share the columns, never the rows of one column, so every sum is over the rows in their order and
// has the same bits for any number of threads.
class GroupSums {
 public:
  // rows: count × dims; groups: one number below group_count per row; sums: group_count × dims, zeros.
  GroupSums(const Kernels& kernels, const float* rows, size_t count, size_t dims, const uint32_t* groups,
            double* sums)
      : kernels_(kernels), rows_(rows), count_(count), dims_(dims), groups_(groups), sums_(sums) {}

  size_t units() const { return (dims_ + kColumns - 1) / kColumns; }

  // Takes columns until none are left or `cancelled`. Call from as many threads as you like.
  void work(const std::atomic<bool>& cancelled);

  void finish() {}

 private:
  static constexpr size_t kColumns = 64;  // four cache lines of a row

  const Kernels& kernels_;
  const float* rows_;
  size_t count_;
  size_t dims_;
  const uint32_t* groups_;
  double* sums_;
  std::atomic<size_t> next_{0};
};

}  // namespace embedlane
