#include "row_store.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <thread>

#include "../storage/mapped_file.h"

namespace embedlane {
namespace {

// Each chunk is as large as all before it, between these bounds: few chunks, no copying, and at most this
// much address space (memory only when it is written to) in reserve.
constexpr size_t kSmallestChunk = size_t(64) << 10;
constexpr size_t kLargestChunk = size_t(64) << 20;
constexpr size_t kAlignment = 64;
// Fewer bytes are written before another thread has woken up.
constexpr size_t kSharedBytes = size_t(1) << 20;

// A mapped file and the scales of its rows.
struct MappedRows {
  explicit MappedRows(const std::string& path) : file(path) {}
  MappedFile file;
  std::vector<float> scales;
};

}  // namespace

void RowStore::push(Segment segment) {
  segment.first = rows_;
  memory_bytes_ += segment.capacity * row_bytes();
  if (segment.codes) memory_bytes_ += code_bytes(acceleration_, codec_.dims(), segment.capacity);
  segments_.push_back(std::move(segment));
}

std::vector<RowFill::Part> RowStore::reserve(size_t count) const {
  std::vector<RowFill::Part> parts;
  if (!segments_.empty() && segments_.back().memory != nullptr) {
    const Segment& last = segments_.back();
    const size_t room = std::min(count, last.capacity - last.count);
    if (room > 0) parts.push_back({last, last.count, room});
    count -= room;
  }
  if (count == 0) return parts;
  if (count > SIZE_MAX / 4 / row_bytes()) throw std::bad_alloc();
  const size_t wanted = std::clamp(memory_bytes_, kSmallestChunk, kLargestChunk);
  parts.push_back(
      {Segment::allocate(codec_, acceleration_, std::max(count * row_bytes(), wanted)), 0, count});
  return parts;
}

void RowStore::commit(const std::vector<RowFill::Part>& parts) {
  segments_.reserve(segments_.size() + parts.size());
  for (const RowFill::Part& part : parts) {
    if (segments_.empty() || segments_.back().memory != part.segment.memory) push(part.segment);
    Segment& segment = segments_.back();
    segment.count += part.count;
    if (segment.codes) segment.codes->count = segment.count;
    rows_ += part.count;
  }
}

ptrdiff_t RowStore::append(const float* data, size_t count) {
  if (count == 0) return -1;
  const std::vector<RowFill::Part> parts = reserve(count);
  RowFill fill(codec_, acceleration_, parts, data);
  const bool shared = count * row_bytes() >= kSharedBytes;
  run_job(fill, shared ? std::max(1u, std::thread::hardware_concurrency()) : 1);
  if (fill.unfit() >= 0) return fill.unfit();
  commit(parts);
  return -1;
}

Segment RowStore::stage(size_t count) const {
  if (count > SIZE_MAX / 4 / row_bytes()) throw std::bad_alloc();
  return Segment::allocate(codec_, acceleration_, count * row_bytes());
}

void RowStore::adopt(const Segment& filled, size_t count) { commit({{filled, 0, count}}); }

void RowStore::append_stored(const uint8_t* bytes, const float* scales, size_t count) {
  if (count == 0) return;
  const size_t stride = codec_.stride();
  const std::vector<RowFill::Part> parts = reserve(count);
  size_t done = 0;
  for (const auto& [segment, start, rows] : parts) {
    std::memcpy(segment.memory + start * stride, bytes + done * stride, rows * stride);
    if (segment.scales != nullptr) std::copy_n(scales + done, rows, segment.scales + start);
    if (segment.codes) make_codes(acceleration_, codec_, segment, start, rows);
    done += rows;
  }
  commit(parts);
}

bool RowStore::map(const std::string& path, size_t bytes, size_t offset, size_t codes, const float* scales,
                   size_t count) {
  if (offset % kAlignment != 0 || offset > bytes || count == 0 ||
      count > (bytes - offset) / codec_.stride()) {
    return false;
  }
  if (codes != 0) {
    const size_t each = code_bytes(acceleration_, codec_.dims(), 1);
    if (each == 0 || codes % kAlignment != 0 || codes > bytes || count > (bytes - codes) / each) return false;
  }
  const auto mapped = std::make_shared<MappedRows>(path);
  if (mapped->file.size() != bytes) return false;
  if (codec_.has_scales()) mapped->scales.assign(scales, scales + count);
  Segment segment = {};
  segment.owner = mapped;
  segment.rows = mapped->file.data() + offset;
  segment.scales = codec_.has_scales() ? mapped->scales.data() : nullptr;
  segment.first = rows_;
  segment.count = count;
  segment.capacity = count;
  if (codes != 0) {
    segment.codes = std::make_shared<SegmentCodes>(acceleration_, codec_.dims(), count, mapped,
                                                   mapped->file.data() + codes);
    segment.codes->count = count;
  }
  segments_.push_back(std::move(segment));
  rows_ += count;
  mapped_bytes_ += bytes;
  return true;
}

bool RowStore::prepare(size_t rows) {
  if (acceleration_ == Acceleration::kNone) return false;
  for (Segment& segment : segments_) {
    if (!segment.codes) {
      segment.codes = allocate_codes(acceleration_, codec_.dims(), segment.capacity);
      memory_bytes_ += code_bytes(acceleration_, codec_.dims(), segment.capacity);
    }
    SegmentCodes& codes = *segment.codes;
    if (codes.count == segment.count) continue;
    if (rows == 0) return true;
    const size_t count = std::min(rows, segment.count - codes.count);
    make_codes(acceleration_, codec_, segment, codes.count, count);
    codes.count += count;
    rows -= count;
    if (codes.count < segment.count) return true;
  }
  return false;
}

void RowStore::keep_norms() {
  // Codes have theirs, and bits need none.
  if (acceleration_ == Acceleration::kInt8 || codec_.dtype() == Dtype::kB1) return;
  for (Segment& segment : segments_) {
    if (segment.norms) continue;
    segment.norms = std::make_shared<KeptNorms>(segment.capacity);
    memory_bytes_ += segment.capacity * KeptNorms::kBytes;
  }
}

const Segment& RowStore::segment_of(size_t row) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), row,
                                      [](size_t at, const Segment& segment) { return at < segment.first; });
  return *std::prev(after);
}

const uint8_t* RowStore::row(size_t row, float* scale) const {
  const Segment& segment = segment_of(row);
  *scale = segment.scales == nullptr ? 1 : segment.scales[row - segment.first];
  return segment.rows + (row - segment.first) * codec_.stride();
}

const uint8_t* RowStore::codes(size_t row, float (&floats)[kCodeFloats]) const {
  const Segment& segment = segment_of(row);
  const size_t at = row - segment.first;
  if (!segment.codes || at >= segment.codes->count) return nullptr;
  if (acceleration_ == Acceleration::kInt8) {
    for (size_t i = 0; i < kCodeFloats; i++)
      floats[i] = segment.codes->floats[i * segment.codes->capacity + at];
  }
  return segment.codes->codes + at * segment.codes->stride;
}

std::vector<RowSegment> RowStore::snapshot(size_t rows) const {
  std::vector<RowSegment> taken;
  for (const Segment& segment : segments_) {
    if (segment.first >= rows) break;
    const size_t count = std::min(segment.count, rows - segment.first);
    const bool coded = segment.codes && segment.codes->count >= count;
    taken.push_back({segment.owner, segment.rows, segment.scales, coded ? segment.codes : nullptr,
                     segment.norms, codec_.stride(), count});
  }
  return taken;
}

}  // namespace embedlane
