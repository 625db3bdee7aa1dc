#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// What a vector's elements are. src/native/binding.ts has the same list; files store these numbers.
enum class Dtype : uint8_t {
  kF32 = 0,
  kF16 = 1,   // IEEE 754 binary16
  kBf16 = 2,  // the upper half of a binary32
  kI8 = 3,
  kU8 = 4,
  kB1 = 5,  // one bit per dimension, first dimension in the highest bit; unused bits of the last byte are 0
};
constexpr size_t kDtypeCount = 6;

// Bytes of one row without padding.
constexpr size_t row_bytes(Dtype dtype, size_t dims) {
  switch (dtype) {
    case Dtype::kF32:
      return dims * 4;
    case Dtype::kF16:
    case Dtype::kBf16:
      return dims * 2;
    case Dtype::kI8:
    case Dtype::kU8:
      return dims;
    default:
      return dims / 8 + (dims % 8 != 0);
  }
}

// What a row's address and the distance between rows must be a multiple of.
constexpr size_t alignment_of(Dtype dtype) {
  return dtype == Dtype::kF32 ? 4 : dtype == Dtype::kF16 || dtype == Dtype::kBf16 ? 2 : 1;
}

}  // namespace embedlane
