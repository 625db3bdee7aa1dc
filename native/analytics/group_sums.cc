#include "group_sums.h"

#include <algorithm>

namespace embedlane {

void GroupSums::work(const std::atomic<bool>& cancelled) {
  for (size_t unit = next_++; unit < units(); unit = next_++) {
    const size_t from = unit * kColumns;
    const size_t width = std::min(kColumns, dims_ - from);
    for (size_t r = 0; r < count_; r++) {
      if (r % 4096 == 0 && cancelled.load(std::memory_order_relaxed)) return;
      kernels_.accumulate(rows_ + r * dims_ + from, 1, width, sums_ + groups_[r] * dims_ + from);
    }
  }
}

}  // namespace embedlane
