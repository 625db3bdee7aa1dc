#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// Depth (dimensions) that one filter accumulator sums before it is added to the running total. It caps the
// length of a rounding chain and with it the filter's error bound, see search/bounds.h.
constexpr size_t kFilterDepth = 512;

// What one register tile of the filter reads: a panel of queries against a few rows.
//
// The queries are the packed side and the rows the broadcast side, the reverse of a matrix multiplication's
// habit: there are few queries, and they stay; there are many rows, and each is then read once, in place, in
// the layout that it has in the caller's memory or file. So a corpus needs no packing and no second copy.
struct TileInput {
  const void* panel;     // queries, [dims][queries of the panel], dims in the element groups of the dtype
  const void* rows;      // the first row
  size_t stride;         // bytes from row to row
  size_t dims;           // elements of a row
  const float* base;     // per query: A of the threshold A + B·norm + C
  const float* slope;    // per query: B
  const float* norms;    // per row
  const float* offsets;  // per row: C
};

// Multiplies `rows` rows with a panel. Bit q of masks[r] is set unless
// row r · query q < base[q] + slope[q] * norms[r] + offsets[r]; NaN on either side sets it. Returns whether
// any bit is set.
using Tile = bool (*)(const TileInput& input, uint32_t* masks);

// Panels are one or two vectors of queries wide.
constexpr size_t kPanelWidths = 2;

// One instruction set's filter. Results are float32 sums in any order, as long as each comes from chains of
// at most max(kFilterDepth, dims / 8) + dims / kFilterDepth + 16 rounded operations.
struct Tiles {
  size_t vector_queries;  // queries in a panel of width one; at most 16
  size_t rows;            // rows of a full tile; at most 12

  // [w] takes a panel of w + 1 vectors.
  Tile f32[kPanelWidths];
  Tile f32_row[kPanelWidths];  // one row instead of a full tile

  // Dot product of each of `count` rows with itself.
  void (*squares_f32)(const void* rows, size_t stride, size_t count, size_t dims, float* squares);
};

const Tiles& scalar_tiles();
const Tiles& avx2_tiles();
const Tiles& avx512_tiles();
const Tiles& neon_tiles();

}  // namespace embedlane
