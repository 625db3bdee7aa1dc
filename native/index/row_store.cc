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
constexpr size_t kAlignment = 64;

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

std::shared_ptr<uint8_t> allocate_rows(size_t bytes) {
  const std::align_val_t alignment{bytes >= kHugePage ? kHugePage : kAlignment};
  uint8_t* memory = static_cast<uint8_t*>(::operator new(bytes, alignment));
#if defined(MADV_HUGEPAGE)
  // A scan over 4 KiB pages reaches about two thirds of the memory's bandwidth.
  if (bytes >= kHugePage) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return {memory, [alignment](uint8_t* p) { ::operator delete(p, alignment); }};
}

// A mapped file and the scales of its rows.
struct MappedRows {
  explicit MappedRows(const std::string& path) : file(path) {}
  MappedFile file;
  std::vector<float> scales;
};

}  // namespace

std::shared_ptr<SegmentCodes> RowStore::allocate_codes(size_t capacity) {
  const size_t stride = round_up(codec_.dims(), kAlignment);
  const size_t bytes = capacity * (stride + 3 * sizeof(float));
  const auto codes = std::make_shared<SegmentCodes>();
  codes->memory = allocate_rows(bytes);
  codes->codes = reinterpret_cast<int8_t*>(codes->memory.get());
  codes->scales = reinterpret_cast<float*>(codes->memory.get() + capacity * stride);
  codes->errors = codes->scales + capacity;
  codes->norms = codes->errors + capacity;
  codes->view = {codes->codes, stride, codes->scales, codes->errors};
  memory_bytes_ += bytes;
  return codes;
}

void RowStore::make_codes(Segment& segment, size_t rows) {
  SegmentCodes& codes = *segment.codes;
  const size_t from = codes.count;
  const size_t count = std::min(rows, segment.count - from);
  const size_t stride = codes.view.stride;
  make_int8_codes(current_kernels(), segment.rows + from * codec_.stride(), codec_.stride(), count,
                  codec_.dims(), codes.codes + from * stride, stride, codes.scales + from,
                  codes.errors + from, codes.norms + from);
  codes.count += count;
}

bool RowStore::prepare(size_t rows) {
  if (!coded_) return false;
  for (Segment& segment : segments_) {
    if (!segment.codes) segment.codes = allocate_codes(segment.capacity);
    if (segment.codes->count == segment.count) continue;
    if (rows == 0) return true;
    const size_t before = segment.codes->count;
    make_codes(segment, rows);
    rows -= segment.codes->count - before;
    if (segment.codes->count < segment.count) return true;
  }
  return false;
}

size_t RowStore::reserve(size_t count) {
  const bool has_room = !segments_.empty() && segments_.back().count < segments_.back().capacity;
  const size_t room = has_room ? segments_.back().capacity - segments_.back().count : 0;
  if (count <= room) return segments_.size() - 1;
  const size_t row_bytes = codec_.stride() + (codec_.has_scales() ? sizeof(float) : 0);
  if (count - room > SIZE_MAX / 4 / row_bytes) throw std::bad_alloc();
  const size_t needed = (count - room) * row_bytes;
  const size_t wanted = std::clamp(memory_bytes_, kSmallestChunk, kLargestChunk);
  const size_t bytes = round_up(std::max(needed, wanted), needed >= kHugePage ? kHugePage : kAlignment);
  segments_.reserve(segments_.size() + 1);
  std::shared_ptr<uint8_t> memory = allocate_rows(bytes);
  uint8_t* start = memory.get();
  const size_t capacity = bytes / row_bytes;
  float* scales =
      codec_.has_scales() ? reinterpret_cast<float*>(start + capacity * codec_.stride()) : nullptr;
  std::shared_ptr<SegmentCodes> codes = coded_ ? allocate_codes(capacity) : nullptr;
  segments_.push_back({std::move(memory), start, start, scales, rows_ + room, 0, capacity, std::move(codes)});
  memory_bytes_ += bytes;
  return segments_.size() - (has_room ? 2 : 1);
}

template <class Write>
void RowStore::write_rows(size_t count, const Write& write) {
  if (count == 0) return;
  size_t index = reserve(count);
  for (size_t done = 0; done < count;) {
    Segment& segment = segments_[index++];
    const size_t part = std::min(count - done, segment.capacity - segment.count);
    for (size_t i = 0; i < part; i++) {
      const size_t at = segment.count + i;
      write(done + i, segment.memory + at * codec_.stride(),
            segment.scales == nullptr ? nullptr : segment.scales + at);
    }
    segment.count += part;
    if (segment.codes) make_codes(segment, part);
    done += part;
  }
  rows_ += count;
}

ptrdiff_t RowStore::append(const float* data, size_t count) {
  // Checked before anything is written, so that an error changes nothing.
  const ptrdiff_t unfit = codec_.first_unfit(data, count);
  if (unfit >= 0) return unfit;
  const Kernels& kernels = current_kernels();
  write_rows(count, [&](size_t i, uint8_t* row, float* scale) {
    codec_.encode(kernels, data + i * codec_.dims(), row, scale);
  });
  return -1;
}

void RowStore::append_stored(const uint8_t* bytes, const float* scales, size_t count) {
  const size_t stride = codec_.stride();
  write_rows(count, [&](size_t i, uint8_t* row, float* scale) {
    std::memcpy(row, bytes + i * stride, stride);
    if (scale != nullptr) *scale = scales[i];
  });
}

bool RowStore::map(const std::string& path, size_t bytes, size_t offset, const float* scales, size_t count) {
  if (offset % kAlignment != 0 || offset > bytes || count == 0 ||
      count > (bytes - offset) / codec_.stride()) {
    return false;
  }
  const auto mapped = std::make_shared<MappedRows>(path);
  if (mapped->file.size() != bytes) return false;
  if (codec_.has_scales()) mapped->scales.assign(scales, scales + count);
  segments_.push_back({mapped, nullptr, mapped->file.data() + offset,
                       codec_.has_scales() ? mapped->scales.data() : nullptr, rows_, count, count, nullptr});
  rows_ += count;
  mapped_bytes_ += bytes;
  return true;
}

const uint8_t* RowStore::row(size_t row, float* scale) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), row,
                                      [](size_t at, const Segment& segment) { return at < segment.first; });
  const Segment& segment = *std::prev(after);
  *scale = segment.scales == nullptr ? 1 : segment.scales[row - segment.first];
  return segment.rows + (row - segment.first) * codec_.stride();
}

std::vector<RowSegment> RowStore::snapshot(size_t rows) const {
  std::vector<RowSegment> taken;
  for (const Segment& segment : segments_) {
    if (segment.first >= rows) break;
    const size_t count = std::min(segment.count, rows - segment.first);
    const bool coded = segment.codes && segment.codes->count >= count;
    taken.push_back({segment.owner, segment.rows, segment.scales, coded ? segment.codes : nullptr,
                     codec_.stride(), count});
  }
  return taken;
}

}  // namespace embedlane
