#include "row_store.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "../storage/mapped_file.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace embedlane {
namespace {

// Each chunk is as large as all before it, between these bounds: few chunks, no copying, and at most this
// much address space (memory only when it is written to) in reserve.
constexpr size_t kSmallestChunk = size_t(64) << 10;
constexpr size_t kLargestChunk = size_t(64) << 20;
constexpr size_t kHugePage = size_t(2) << 20;

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

std::shared_ptr<uint8_t> allocate_rows(size_t bytes) {
  const std::align_val_t alignment{bytes >= kHugePage ? kHugePage : RowStore::kRowAlignment};
  uint8_t* memory = static_cast<uint8_t*>(::operator new(bytes, alignment));
#if defined(MADV_HUGEPAGE)
  // A scan over 4 KiB pages reaches about two thirds of the memory's bandwidth.
  if (bytes >= kHugePage) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return {memory, [alignment](uint8_t* p) { ::operator delete(p, alignment); }};
}

bool all_finite(const float* x, size_t n) {
  // The sum carries into the sign bit exactly if every bit of the exponent is set.
  uint32_t carries = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    carries |= (bits & 0x7f800000u) + 0x00800000u;
  }
  return carries >> 31 == 0;
}

}  // namespace

RowStore::RowStore(size_t dims) : dims_(dims), stride_(round_up(dims * sizeof(float), kRowAlignment)) {}

size_t RowStore::reserve(size_t count) {
  const bool has_room = !segments_.empty() && segments_.back().count < segments_.back().capacity;
  const size_t room = has_room ? segments_.back().capacity - segments_.back().count : 0;
  if (count > room) {
    if (count - room > SIZE_MAX / 4 / stride_) throw std::bad_alloc();
    const size_t needed = (count - room) * stride_;
    const size_t wanted = std::clamp(memory_bytes_, kSmallestChunk, kLargestChunk);
    const size_t bytes = round_up(std::max(needed, wanted), needed >= kHugePage ? kHugePage : kRowAlignment);
    segments_.reserve(segments_.size() + 1);
    std::shared_ptr<uint8_t> memory = allocate_rows(bytes);
    uint8_t* start = memory.get();
    segments_.push_back({std::move(memory), start, start, rows_ + room, 0, bytes / stride_});
    memory_bytes_ += bytes;
    return segments_.size() - (has_room ? 2 : 1);
  }
  return segments_.size() - 1;
}

template <class Write>
void RowStore::write_rows(size_t count, const Write& write) {
  if (count == 0) return;
  size_t index = reserve(count);
  for (size_t done = 0; done < count;) {
    Segment& segment = segments_[index++];
    const size_t part = std::min(count - done, segment.capacity - segment.count);
    for (size_t i = 0; i < part; i++) {
      write(done + i, segment.memory + (segment.count + i) * stride_);
    }
    segment.count += part;
    done += part;
  }
  rows_ += count;
}

ptrdiff_t RowStore::append(const float* data, size_t count) {
  // Checked before anything is written: twice over the data, but the second time is as fast as memory allows,
  // and an error changes nothing.
  for (size_t i = 0; i < count; i++) {
    if (!all_finite(data + i * dims_, dims_)) return ptrdiff_t(i);
  }
  const size_t used = dims_ * sizeof(float);
  write_rows(count, [&](size_t i, uint8_t* row) {
    std::memcpy(row, data + i * dims_, used);
    std::memset(row + used, 0, stride_ - used);
  });
  return -1;
}

void RowStore::append_stored(const uint8_t* bytes, size_t count) {
  write_rows(count, [&](size_t i, uint8_t* row) { std::memcpy(row, bytes + i * stride_, stride_); });
}

bool RowStore::map(const std::string& path, size_t bytes, size_t offset, size_t count) {
  if (offset % kRowAlignment != 0 || offset > bytes || count == 0 || count > (bytes - offset) / stride_) {
    return false;
  }
  const auto file = std::make_shared<const MappedFile>(path);
  if (file->size() != bytes) return false;
  segments_.push_back({file, nullptr, file->data() + offset, rows_, count, count});
  rows_ += count;
  mapped_bytes_ += bytes;
  return true;
}

const uint8_t* RowStore::row(size_t row) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), row,
                                      [](size_t at, const Segment& segment) { return at < segment.first; });
  const Segment& segment = *std::prev(after);
  return segment.rows + (row - segment.first) * stride_;
}

std::vector<RowSegment> RowStore::snapshot(size_t rows) const {
  std::vector<RowSegment> taken;
  for (const Segment& segment : segments_) {
    if (segment.first >= rows) break;
    taken.push_back({segment.owner, segment.rows, stride_, std::min(segment.count, rows - segment.first)});
  }
  return taken;
}

}  // namespace embedlane
