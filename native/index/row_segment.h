#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "../search/int8_codes.h"
#include "../search/kept_norms.h"
#include "row_codec.h"

namespace embedlane {

// What a store of kF32 keeps of its rows besides, to search them faster.
enum class Acceleration {
  kNone,
  kInt8,   // the rows in 8 bits, with error bounds: the results stay the same
  kSigns,  // a bit for each element: the results are approximate
};

// Float32 that kInt8 has for each row: scale, error and norm, see Int8Codes.
constexpr size_t kCodeFloats = 3;

// Bytes from row to row of the codes. The floats lie behind the codes of all rows: all scales, then all
// errors, then all norms.
size_t code_stride(Acceleration acceleration, size_t dims);
size_t code_bytes(Acceleration acceleration, size_t dims, size_t rows);

// The codes of a segment's rows: in memory of their own, or in the segment's file.
struct SegmentCodes {
  // Lays them out in `memory`, which has code_bytes() for `capacity` rows.
  SegmentCodes(Acceleration acceleration, size_t dims, size_t capacity, std::shared_ptr<const void> owner,
               const uint8_t* memory);

  std::shared_ptr<const void> owner;
  const uint8_t* codes;
  const float* floats;
  size_t stride;
  size_t capacity;
  size_t count = 0;  // rows that have them
  Int8Codes int8;    // the same as a search takes them, of kInt8

  const float* scales() const { return floats; }
  const float* errors() const { return floats + capacity; }
  const float* norms() const { return floats + 2 * capacity; }
};

// Consecutive rows of a store: in memory of their own, or in a mapped file.
struct Segment {
  std::shared_ptr<const void> owner;
  uint8_t* memory;  // the rows, to write to; null: a mapped file
  const uint8_t* rows;
  float* scales;     // null: the dtype has none
  size_t first = 0;  // position of its first row
  size_t count = 0;
  size_t capacity = 0;
  std::shared_ptr<SegmentCodes> codes;  // null: none, or not yet
  std::shared_ptr<KeptNorms> norms;     // null: none, or not yet

  // Memory for rows and their codes. Throws std::bad_alloc.
  static Segment allocate(const RowCodec& codec, Acceleration acceleration, size_t row_bytes);
};

std::shared_ptr<SegmentCodes> allocate_codes(Acceleration acceleration, size_t dims, size_t capacity);

// Makes the codes of rows [start, start + count), in codes that are no file's.
void make_codes(Acceleration acceleration, const RowCodec& codec, const Segment& segment, size_t start,
                size_t count);

}  // namespace embedlane
