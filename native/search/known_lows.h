#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>
#include <vector>

namespace embedlane {

// The k highest goodnesses (see order.h) that rows are known to have at least, for one query and all threads
// of a search: no row below the least of them can be among the k best.
class KnownLows {
 public:
  static constexpr float kNone = -std::numeric_limits<float>::infinity();

  // Notes one more row's; returns the k-th, or kNone where it is not known. Nothing is noted while another
  // thread is at it, since all that is lost is a higher threshold.
  float add(float low, size_t k) {
    if (busy_.exchange(true, std::memory_order_acquire)) return kNone;
    if (lows_.size() < k) {
      lows_.push_back(low);
      if (lows_.size() == k) std::make_heap(lows_.begin(), lows_.end(), std::greater<>());
    } else if (low > lows_.front()) {
      replace_least(low);
    }
    const float least = lows_.size() < k ? kNone : lows_.front();
    busy_.store(false, std::memory_order_release);
    return least;
  }

  // Gives the memory back, where nobody is at it. Whoever still adds begins anew.
  void forget() {
    if (busy_.exchange(true, std::memory_order_acquire)) return;
    std::vector<float>().swap(lows_);
    busy_.store(false, std::memory_order_release);
  }

 private:
  void replace_least(float low) {
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < lows_.size(); i = child) {
      if (child + 1 < lows_.size() && lows_[child + 1] < lows_[child]) child++;
      if (low <= lows_[child]) break;
      lows_[i] = lows_[child];
    }
    lows_[i] = low;
  }

  std::atomic<bool> busy_{false};
  std::vector<float> lows_;  // a heap with the least in front
};

}  // namespace embedlane
