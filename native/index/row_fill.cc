#include "row_fill.h"

#include <algorithm>

namespace embedlane {
namespace {

// Floats that a thread takes at a time: they stay in cache while they are checked and then written.
constexpr size_t kBlockBytes = 256 * 1024;

}  // namespace

RowFill::RowFill(const RowCodec& codec, Acceleration acceleration, std::vector<Part> parts, const float* data)
    : codec_(codec), acceleration_(acceleration), parts_(std::move(parts)), data_(data) {
  for (const Part& part : parts_) rows_ += part.count;
  block_rows_ = std::max<size_t>(1, kBlockBytes / (codec.dims() * sizeof(float)));
  blocks_ = (rows_ + block_rows_ - 1) / block_rows_;
}

void RowFill::work() {
  while (!cancelled() && unfit() < 0) {
    const size_t row = next_.fetch_add(1, std::memory_order_relaxed) * block_rows_;
    if (row >= rows_) return;
    const size_t count = std::min(block_rows_, rows_ - row);
    const ptrdiff_t unfit = codec_.first_unfit(data_ + row * codec_.dims(), count);
    if (unfit < 0) {
      fill(row, count);
      continue;
    }
    // Blocks are taken in order, so whoever finds an earlier one is still at it.
    const size_t found = row + size_t(unfit);
    size_t seen = unfit_.load(std::memory_order_relaxed);
    while (found < seen && !unfit_.compare_exchange_weak(seen, found, std::memory_order_relaxed)) {
    }
  }
}

void RowFill::fill(size_t row, size_t count) {
  const Kernels& kernels = current_kernels();
  const size_t end = row + count;
  size_t first = 0;  // row of the data with which the part begins
  for (const Part& part : parts_) {
    const size_t from = std::max(row, first);
    const size_t to = std::min(end, first + part.count);
    for (size_t r = from; r < to; r++) {
      const size_t at = part.start + (r - first);
      codec_.encode(kernels, data_ + r * codec_.dims(), part.segment.memory + at * codec_.stride(),
                    part.segment.scales == nullptr ? nullptr : part.segment.scales + at);
    }
    if (from < to && part.segment.codes) {
      make_codes(acceleration_, codec_, part.segment, part.start + (from - first), to - from);
    }
    first += part.count;
  }
}

}  // namespace embedlane
