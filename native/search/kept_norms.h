#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#include "prefetch.h"

namespace embedlane {

// ‖x‖ of rows that never change, see RowBlock::norms, as searches come to know them: the first one that
// passes over a row with tiles computes it, and later ones read it. Computed anew, they are 7 % of the time
// of a search with 32 queries. Any number of threads may use it.
class KeptNorms {
 public:
  // Throws std::bad_alloc.
  explicit KeptNorms(size_t rows) : norms_(static_cast<Norm*>(std::calloc(rows + 1, sizeof(Norm)))) {
    if (!norms_) throw std::bad_alloc();
  }

  static constexpr size_t kBytes = sizeof(float);  // of a row

  // Reads the norms of `count` rows; false where not all of them are known.
  bool read(size_t first, size_t count, float* norms) const {
    bool known = true;
    for (size_t i = 0; i < count; i++) {
      norms[i] = norms_[first + i].load(std::memory_order_relaxed);
      known &= norms[i] != kUnknown;
    }
    return known;
  }
  // Row `row`, which need not be one.
  EMBEDLANE_INLINE void ask_for(size_t row) const { prefetch_lines(norms_.get() + row, 1); }
  void write(size_t first, size_t count, const float* norms) {
    for (size_t i = 0; i < count; i++) norms_[first + i].store(norms[i], std::memory_order_relaxed);
  }

 private:
  // All bits zero, which the system makes of memory when it is first used. Rows of zeros stay unknown.
  static constexpr float kUnknown = 0;
  using Norm = std::atomic<float>;
  static_assert(sizeof(Norm) == kBytes && Norm::is_always_lock_free);

  struct Free {
    void operator()(Norm* norms) const { std::free(norms); }
  };
  std::unique_ptr<Norm[], Free> norms_;
};

}  // namespace embedlane
