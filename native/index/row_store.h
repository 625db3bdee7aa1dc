#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "row_codec.h"
#include "row_fill.h"
#include "row_segment.h"

namespace embedlane {

// Rows of a store as a search reads them.
struct RowSegment {
  std::shared_ptr<const void> owner;  // keeps the rows' memory alive
  const uint8_t* rows;
  const float* scales;                        // null: the dtype has none
  std::shared_ptr<const SegmentCodes> codes;  // null: not all of these rows have them
  std::shared_ptr<KeptNorms> norms;           // null: none
  size_t stride;
  size_t count;
};

// The rows of an index. Rows are added at the end and never change or move, so whoever has taken a snapshot
// may read its rows on any thread while more are added, and after the store is gone. The store itself is used
// by one thread.
class RowStore {
 public:
  explicit RowStore(const RowCodec& codec, Acceleration acceleration = Acceleration::kNone)
      : codec_(codec), acceleration_(acceleration) {}

  const RowCodec& codec() const { return codec_; }
  Acceleration acceleration() const { return acceleration_; }
  size_t rows() const { return rows_; }
  size_t memory_bytes() const { return memory_bytes_; }
  size_t mapped_bytes() const { return mapped_bytes_; }

  // Adds `count` rows of floats, with as many threads as pay. Returns -1, or the first row that the dtype
  // cannot hold; then, and when it throws std::bad_alloc, nothing was added.
  ptrdiff_t append(const float* data, size_t count);
  // Room for `count` rows that a RowFill may fill on any threads. They are the store's once `adopt` has added
  // them at the end.
  Segment stage(size_t count) const;
  void adopt(const Segment& filled, size_t count);
  // Adds `count` rows of `stride` bytes, with their scales if the dtype has such.
  void append_stored(const uint8_t* bytes, const float* scales, size_t count);
  // Adds the rows of a file of `bytes` bytes; they begin at `offset`, their codes at `codes` (0: it has
  // none). Scales are copied. Throws std::system_error if it cannot be mapped. Returns false, adding nothing,
  // if the file has another length or these do not fit into it.
  bool map(const std::string& path, size_t bytes, size_t offset, size_t codes, const float* scales,
           size_t count);

  // Makes the codes of up to `rows` mapped rows that have none yet; returns whether any are left. Throws
  // std::bad_alloc. Rows that were added have theirs at once.
  bool prepare(size_t rows);

  // Makes room for the norms that searches with several queries will want. Throws std::bad_alloc.
  void keep_norms();

  // The bytes of a row and its scale; `row` is less than rows().
  const uint8_t* row(size_t row, float* scale) const;
  // The codes of a row, and of kInt8 its floats. Null where it has none.
  const uint8_t* codes(size_t row, float (&floats)[kCodeFloats]) const;

  // The first `rows` rows.
  std::vector<RowSegment> snapshot(size_t rows) const;

 private:
  // Room for `count` more rows: what the last segment has, and a new segment.
  std::vector<RowFill::Part> reserve(size_t count) const;
  // Counts the rows of `parts`, which come next, as the store's.
  void commit(const std::vector<RowFill::Part>& parts);
  size_t row_bytes() const { return codec_.stride() + (codec_.has_scales() ? sizeof(float) : 0); }
  // Begins a new segment.
  void push(Segment segment);
  const Segment& segment_of(size_t row) const;

  RowCodec codec_;
  Acceleration acceleration_;
  size_t rows_ = 0;
  size_t memory_bytes_ = 0;
  size_t mapped_bytes_ = 0;
  std::vector<Segment> segments_;
};

}  // namespace embedlane
