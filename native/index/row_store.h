#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../search/int8_codes.h"
#include "row_codec.h"

namespace embedlane {

// The rows of a segment once more in 8 bits, with their norms: see SearchInput.
struct SegmentCodes {
  std::shared_ptr<uint8_t> memory;
  int8_t* codes;
  float* scales;
  float* errors;
  float* norms;
  Int8Codes view;    // of the above
  size_t count = 0;  // rows that have them
};

// Consecutive rows of a store: in memory of its own, or in a mapped file.
struct RowSegment {
  std::shared_ptr<const void> owner;  // keeps the rows' memory alive
  const uint8_t* rows;
  const float* scales;                        // null: the dtype has none
  std::shared_ptr<const SegmentCodes> codes;  // null: not all of these rows have them
  size_t stride;
  size_t count;
};

// The rows of an index. Rows are added at the end and never change or move, so whoever has taken a snapshot
// may read its rows on any thread while more are added, and after the store is gone. The store itself is used
// by one thread.
class RowStore {
 public:
  // `coded`: keeps rows of kF32 in 8 bits besides, for faster searches with the same results.
  explicit RowStore(const RowCodec& codec, bool coded = false) : codec_(codec), coded_(coded) {}

  const RowCodec& codec() const { return codec_; }
  size_t rows() const { return rows_; }
  size_t memory_bytes() const { return memory_bytes_; }
  size_t mapped_bytes() const { return mapped_bytes_; }

  // Adds `count` rows of floats. Returns -1, or the first row that the dtype cannot hold; then, and when it
  // throws std::bad_alloc, nothing was added.
  ptrdiff_t append(const float* data, size_t count);
  // Adds `count` rows of `stride` bytes, with their scales if the dtype has such.
  void append_stored(const uint8_t* bytes, const float* scales, size_t count);
  // Adds the rows of a file of `bytes` bytes; they begin at `offset`. Scales are copied. Throws
  // std::system_error if it cannot be mapped. Returns false, adding nothing, if the file has another length
  // or the rows do not fit into it.
  bool map(const std::string& path, size_t bytes, size_t offset, const float* scales, size_t count);

  // Makes the codes of up to `rows` mapped rows that have none yet; returns whether any are left. Throws
  // std::bad_alloc. Rows that were added have theirs at once.
  bool prepare(size_t rows);

  // The bytes of a row and its scale; `row` is less than rows().
  const uint8_t* row(size_t row, float* scale) const;

  // The first `rows` rows.
  std::vector<RowSegment> snapshot(size_t rows) const;

 private:
  struct Segment {
    std::shared_ptr<const void> owner;
    uint8_t* memory;  // null: a mapped file
    const uint8_t* rows;
    float* scales;
    size_t first;  // position of its first row
    size_t count;
    size_t capacity;
    std::shared_ptr<SegmentCodes> codes;
  };

  // Makes room for `count` more rows and returns the index of the segment in which the next one goes.
  size_t reserve(size_t count);
  std::shared_ptr<SegmentCodes> allocate_codes(size_t capacity);
  // Of the segment's next rows, up to `rows`.
  void make_codes(Segment& segment, size_t rows);
  template <class Write>
  void write_rows(size_t count, const Write& write);

  RowCodec codec_;
  bool coded_;
  size_t rows_ = 0;
  size_t memory_bytes_ = 0;
  size_t mapped_bytes_ = 0;
  std::vector<Segment> segments_;
};

}  // namespace embedlane
