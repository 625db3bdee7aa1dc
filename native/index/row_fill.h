#pragma once

#include <atomic>
#include <vector>

#include "../threads/job.h"
#include "row_segment.h"

namespace embedlane {

// Writes floats as rows, with their codes, into room that no search can see yet. Threads share the work,
// because most of it is the operating system's, which has to find and clear the pages that are written first.
class RowFill : public Job {
 public:
  // Rows [start, start + count) of a segment.
  struct Part {
    Segment segment;
    size_t start;
    size_t count;
  };

  RowFill(const RowCodec& codec, Acceleration acceleration, std::vector<Part> parts, const float* data);

  size_t units() const override { return blocks_; }
  void work() override;

  // Lets go of the room, when no thread works any more.
  void release() { parts_.clear(); }

  // The first row that the dtype cannot hold, or -1. Then not all rows were written.
  ptrdiff_t unfit() const {
    return unfit_.load(std::memory_order_relaxed) == SIZE_MAX ? -1 : ptrdiff_t(unfit_);
  }

 private:
  void fill(size_t row, size_t count);

  RowCodec codec_;
  Acceleration acceleration_;
  std::vector<Part> parts_;
  const float* data_;
  size_t rows_ = 0;
  size_t block_rows_;
  size_t blocks_;
  std::atomic<size_t> next_{0};
  std::atomic<size_t> unfit_{SIZE_MAX};
};

}  // namespace embedlane
