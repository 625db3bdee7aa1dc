#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// Rounded additions that one filter accumulator makes before it is added to the running total. It caps the
// length of a rounding chain and with it the filter's error bound, see search/bounds.h.
constexpr size_t kFilterDepth = 512;

// Four bytes of a row: what a tile multiplies at a time, one float32, two bfloat16 or four bytes.
constexpr size_t kGroupBytes = 4;

// What one register tile of the filter reads: a panel of queries against a few rows.
//
// The queries are the packed side and the rows the broadcast side, the reverse of a matrix multiplication's
// habit: there are few queries, and they stay; there are many rows, and each is then read once, in place, in
// the layout that it has in the caller's memory or file. So a corpus needs no packing and no second copy.
struct TileInput {
  const char* panel;  // queries: per group of a row's bytes, that group of every query; zeros behind the
                      // last, and all of it XOR TileSet::panel_flip
  const char* rows;   // the first row
  size_t stride;      // bytes from row to row
  size_t row_bytes;   // of which these count
  const char* ahead;  // what is read after this tile: the next rows, or what those will be made of
  const int32_t* byte_sums;  // per row, where TileSet::byte_sums is: what that says
  // Of byte tiles only: what sums are multiplied with, per row and per query.
  const float* scales;
  const float* query_scales;
  // Of byte tiles only: a term errors[r] * error_slope[q] of the threshold.
  const float* errors;
  const float* error_slope;
  const float* base;     // per query: A of the threshold A + B·norm + C
  const float* slope;    // per query: B
  const float* norms;    // per row
  const float* offsets;  // per row: C
};

// Multiplies `rows` rows with a panel. Bit q of masks[r] is set unless
// row r · query q < base[q] + slope[q] * norms[r] + offsets[r]; NaN on either side sets it. Returns for which
// rows any is set. If for one, values[r · width of the panel + q] is the product of every pair.
using Tile = uint32_t (*)(const TileInput& input, uint32_t* masks, float* values);

// What an instruction can do at most, to measure the machine's limits with: `rounds` times `operations` in
// registers, a multiplication and an addition counting two, as do comparing a bit and counting it. `zeros` is
// kWorkBytes of what the compiler must not know. The result means nothing. Null where there is no such
// instruction.
struct Work {
  float (*run)(size_t rounds, const char* zeros);
  size_t operations;
};

constexpr size_t kWorkBytes = 2048;

// Of a full tile, at most.
constexpr size_t kMaxTileRows = 12;

// Panels are one or two vectors of queries wide.
constexpr size_t kPanelWidths = 2;

// Queries in a panel, at most.
constexpr size_t kMaxPanel = 32;

// Tiles of one kind of element. Sums of floats are float32 in any order, as long as each comes from chains of
// at most max(kFilterDepth, dims / 8) + dims / kFilterDepth + 16 rounded operations; subnormal operands and
// results may be taken for zero. Sums of bytes are exact.
struct TileSet {
  // [w] takes a panel of w + 1 vectors. Null if the instruction set has nothing better than wider elements.
  Tile full[kPanelWidths];
  Tile row[kPanelWidths];  // one row instead of a full tile
  // Dot product of each of `count` rows with itself.
  void (*squares)(const void* rows, size_t stride, size_t count, size_t row_bytes, float* squares);
  Work work;
  // Of byte tiles, where the instruction multiplies an unsigned byte with a signed one: the queries' bytes
  // are turned into the other kind by flipping these bits, and what that adds to a sum follows from the sum
  // of the row's bytes. The queries', because they are packed once: rows would have to be turned in every
  // tile, by an instruction that takes a place among the multiplications (a third of all on Intel's two
  // vector ports). Null and 0 where the instruction takes both as they are.
  void (*byte_sums)(const void* rows, size_t stride, size_t count, size_t row_bytes, int32_t* sums);
  uint8_t panel_flip;
};

// What a tile of bits reads: as TileInput, where it has the same names.
struct BitTileInput {
  const char* panel;
  const char* rows;
  size_t stride;
  size_t row_bytes;
  const char* ahead;
  const int32_t* limits;  // per query: the most bits in which a row that stays may differ; may be negative
};

// Counts the bits in which `rows` rows and a panel of queries differ. Bit q of masks[r] is set if
// row r · query q stays. Returns for which rows any is set; counts[r · width of the panel + q] is then the
// count of every pair of such a row. Counts are below 2^31.
using BitTile = uint32_t (*)(const BitTileInput& input, uint32_t* masks, uint32_t* counts);

// As TileSet.
struct BitTileSet {
  BitTile full[kPanelWidths];
  BitTile row[kPanelWidths];
  size_t least_queries;  // in a vector; of fewer, each by itself is faster, by BitCounts or RowKernels
};

// For each of `count` rows of `bytes` bytes, the number of bits in which it differs from the query, or that
// it has in common with it.
using BitCounts = void (*)(const void* query, const void* rows, size_t stride, size_t count, size_t bytes,
                           uint32_t* counts);

// Writes 8-bit codes of a row of float32, x ≈ scale · code, with ‖x‖ as a tile's `squares` would give it, and
// at least ‖x − scale · code‖. `dims` is at most 16384. Of a row whose norm is not a number from 10^-12 to
// 10^18 the codes and the error mean nothing.
using EncodeRow = void (*)(const float* x, size_t dims, int8_t* codes, float* scale, float* error,
                           float* norm);

// One instruction set's filter.
struct Tiles {
  size_t vector_queries;  // queries in a panel of width one; at most 16
  size_t rows;            // rows of a full tile
  TileSet f32;
  TileSet bf16;
  TileSet i8;
  TileSet u8;
  EncodeRow encode;  // null where there are no tiles for i8
  BitTileSet bits;
  // Null if the instruction set has nothing better than RowKernels.
  BitCounts differing;
  BitCounts common;
  Work bit_work;

  // Reads memory once, to measure its speed with. The result means nothing.
  float (*read)(const char* data, size_t bytes);
};

const Tiles& scalar_tiles() noexcept;
const Tiles& avx2_tiles() noexcept;
const Tiles& avx512_tiles() noexcept;
const Tiles& avx512_vnni_tiles() noexcept;
const Tiles& neon_tiles() noexcept;
const Tiles& neon_dotprod_tiles() noexcept;

}  // namespace embedlane
