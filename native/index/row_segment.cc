#include "row_segment.h"

#include <algorithm>
#include <cstring>

#include "../search/rounding.h"
#include "../storage/large_pages.h"

namespace embedlane {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

size_t code_stride(Acceleration acceleration, size_t dims) {
  switch (acceleration) {
    case Acceleration::kInt8:
      return round_up(dims, kAlignment);
    case Acceleration::kSigns:
      return RowCodec(Dtype::kB1, dims).stride();
    default:
      return 0;
  }
}

size_t code_bytes(Acceleration acceleration, size_t dims, size_t rows) {
  const size_t floats = acceleration == Acceleration::kInt8 ? kCodeFloats * sizeof(float) : 0;
  return rows * (code_stride(acceleration, dims) + floats);
}

SegmentCodes::SegmentCodes(Acceleration acceleration, size_t dims, size_t room,
                           std::shared_ptr<const void> keeper, const uint8_t* memory)
    : owner(std::move(keeper)), codes(memory), stride(code_stride(acceleration, dims)), capacity(room) {
  floats = reinterpret_cast<const float*>(memory + capacity * stride);
  int8 = {reinterpret_cast<const int8_t*>(codes), stride, scales(), errors()};
}

std::shared_ptr<SegmentCodes> allocate_codes(Acceleration acceleration, size_t dims, size_t capacity) {
  const auto memory = large_memory(code_bytes(acceleration, dims, capacity));
  return std::make_shared<SegmentCodes>(acceleration, dims, capacity, memory, memory.get());
}

Segment Segment::allocate(const RowCodec& codec, Acceleration acceleration, size_t row_bytes) {
  const size_t bytes = round_up(row_bytes, row_bytes >= kLargePage ? kLargePage : kAlignment);
  const auto memory = large_memory(bytes);
  const size_t capacity = bytes / (codec.stride() + (codec.has_scales() ? sizeof(float) : 0));
  Segment segment = {};
  segment.owner = memory;
  segment.memory = memory.get();
  segment.rows = segment.memory;
  segment.capacity = capacity;
  if (codec.has_scales()) {
    segment.scales = reinterpret_cast<float*>(segment.memory + capacity * codec.stride());
  }
  if (acceleration != Acceleration::kNone) {
    segment.codes = allocate_codes(acceleration, codec.dims(), capacity);
  }
  return segment;
}

void make_codes(Acceleration acceleration, const RowCodec& codec, const Segment& segment, size_t start,
                size_t count) {
  SegmentCodes& codes = *segment.codes;
  const Kernels& kernels = current_kernels();
  const size_t dims = codec.dims();
  // These are not const in fact: they are no file's.
  uint8_t* const to = const_cast<uint8_t*>(codes.codes) + start * codes.stride;
  const uint8_t* const rows = segment.rows + start * codec.stride();
  if (acceleration == Acceleration::kInt8) {
    float* const floats = const_cast<float*>(codes.floats) + start;
    make_int8_codes(kernels, rows, codec.stride(), count, dims, reinterpret_cast<int8_t*>(to), codes.stride,
                    floats, floats + codes.capacity, floats + 2 * codes.capacity);
    return;
  }
  const size_t used = row_bytes(Dtype::kB1, dims);
  for (size_t r = 0; r < count; r++) {
    uint8_t* const bits = to + r * codes.stride;
    kernels.conversions.pack_bits(reinterpret_cast<const float*>(rows + r * codec.stride()), dims, 0, bits);
    std::memset(bits + used, 0, codes.stride - used);
  }
}

}  // namespace embedlane
