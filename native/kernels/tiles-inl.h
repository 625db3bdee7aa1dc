// The filter's common text, compiled once per instruction set by the file that includes it; see kernels-inl.h
// for why nothing here may be shared between instruction sets.
//
// The including file defines, in an unnamed namespace, `struct F` with
//   V, kLanes   vector of kLanes floats: zero, load, store, set, add, mul, fma, sum (in any order)
//   passes      bit per lane, set unless a < threshold
//   prefetch    a hint; any address will do
//   keep        a use of the register that has the value; no instruction. gcc else lets a sum move into the
//               register of the last factor it was made of, and then moves two dozen sums back in every round
//   kRows       rows of a tile, a multiple of three
// and one struct like F32 below for each kind of element that its instructions multiply.
#pragma once

#include <string.h>

#include "tiles.h"

namespace embedlane {
namespace {

struct F32 {
  using X = F::V;  // a group of one row, for every query
  using Sum = F::V;
  static constexpr size_t kDepth = kFilterDepth;  // groups per accumulator; 0: all, sums are exact
  static constexpr size_t kElements = 1;          // in a group
  static constexpr bool kBytes = false;           // whether scales are used
  static constexpr uint8_t kFlip = 0;             // TileSet::panel_flip
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    float value;
    memcpy(&value, p, sizeof(value));
    return F::set(value);
  }
  static EMBEDLANE_INLINE X load(const char* p) { return F::load(reinterpret_cast<const float*>(p)); }
  static EMBEDLANE_INLINE Sum zero() { return F::zero(); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) { return F::fma(x, queries, sum); }
  // One of many that follow each other, in which compilers find nothing to do once and for all.
  static EMBEDLANE_INLINE Sum chain(Sum sum, X a, X b) { return F::fma(sum, a, b); }
  static EMBEDLANE_INLINE Sum add(Sum a, Sum b) { return F::add(a, b); }
  static EMBEDLANE_INLINE F::V value(Sum sum) { return sum; }
  static EMBEDLANE_INLINE Sum square(Sum sum, X x) { return F::fma(x, x, sum); }
};

constexpr size_t kVectorBytes = F::kLanes * kGroupBytes;

// One group of every row of a tile. Rows go by threes, so that every address is a pointer plus nothing, the
// stride or twice the stride: a form that instructions have, which keeps twelve rows within the registers.
template <class E, int kRows, int kWidth>
EMBEDLANE_INLINE void tile_step(typename E::Sum (&sums)[kRows][kWidth], const char* const* rows,
                                size_t stride, const char* panel) {
  typename E::X queries[kWidth];
  EMBEDLANE_UNROLL
  for (int w = 0; w < kWidth; w++) queries[w] = E::load(panel + w * kVectorBytes);
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    const typename E::X x = E::broadcast(rows[r / 3] + size_t(r % 3) * stride);
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) sums[r][w] = E::step(sums[r][w], x, queries[w]);
    F::keep(x);
  }
}

// Groups that follow each other, of every row of a tile. One loop and not unrolled: between two, compilers
// move all sums through memory. So many streams are more than hardware prefetchers follow, so what comes next
// is asked for here, in address order: a little more often than there are lines.
template <class E, int kRows, int kWidth>
EMBEDLANE_INLINE void tile_groups(typename E::Sum (&sums)[kRows][kWidth],
                                  const char* (&rows)[(kRows + 2) / 3], size_t stride, size_t depth,
                                  const char*& panel, const char*& ahead) {
  for (size_t d = 0; d < depth; d++) {
    F::prefetch(ahead);
    ahead += kRows * kGroupBytes;
    tile_step<E, kRows, kWidth>(sums, rows, stride, panel);
    panel += kWidth * kVectorBytes;
    EMBEDLANE_UNROLL
    for (int i = 0; i < (kRows + 2) / 3; i++) rows[i] += kGroupBytes;
  }
}

// What is left of every row behind its groups: its last bytes may be the last of the memory.
template <class E, int kRows, int kWidth>
EMBEDLANE_INLINE void tile_rest(typename E::Sum (&sums)[kRows][kWidth], const char* const* rows,
                                size_t stride, size_t rest, const char* panel) {
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    char group[kGroupBytes] = {};
    memcpy(group, rows[r / 3] + size_t(r % 3) * stride, rest);
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) {
      sums[r][w] = E::step(sums[r][w], E::broadcast(group), E::load(panel + w * kVectorBytes));
    }
  }
}

// Compares a tile's sums with their thresholds, see Tile.
template <class E, int kRows, int kWidth>
EMBEDLANE_INLINE uint32_t tile_masks(const typename E::Sum (&sums)[kRows][kWidth], const TileInput& in,
                                     uint32_t* masks, float* values) {
  uint32_t left = 0;
  F::V products[kRows][kWidth];
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    const F::V norm = F::set(in.norms[r]);
    const F::V offset = F::set(in.offsets[r]);
    uint32_t mask = 0;
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) {
      F::V value = E::value(sums[r][w]);
      if (E::kBytes) {
        value = F::mul(F::mul(value, F::set(in.scales[r])), F::load(in.query_scales + w * F::kLanes));
      }
      products[r][w] = value;
      const F::V slope = F::load(in.slope + w * F::kLanes);
      F::V threshold = F::add(F::fma(slope, norm, F::load(in.base + w * F::kLanes)), offset);
      if (E::kBytes) {
        threshold = F::fma(F::load(in.error_slope + w * F::kLanes), F::set(in.errors[r]), threshold);
      }
      mask |= uint32_t(F::passes(value, threshold)) << (w * F::kLanes);
    }
    masks[r] = mask;
    left |= uint32_t(mask != 0) << r;
  }
  if (left == 0) return 0;
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) F::store(values + (r * kWidth + w) * F::kLanes, products[r][w]);
  }
  return left;
}

template <class E>
EMBEDLANE_INLINE typename E::Sum tile_start(const TileInput& in, int r) {
  if constexpr (E::kFlip != 0) return E::start(in.byte_sums[r]);
  return E::zero();
}

template <class E, int kRows, int kWidth>
uint32_t tile(const TileInput& in, uint32_t* masks, float* values) {
  constexpr int kPointers = (kRows + 2) / 3;
  typename E::Sum sums[kRows][kWidth];
  typename E::Sum totals[kRows][kWidth];
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) totals[r][w] = E::zero();
  }
  const char* panel = in.panel;
  const char* rows[kPointers];
  EMBEDLANE_UNROLL
  for (int i = 0; i < kPointers; i++) rows[i] = in.rows + size_t(3 * i) * in.stride;
  const char* ahead = in.ahead;
  const size_t groups = in.row_bytes / kGroupBytes;
  const size_t rest = in.row_bytes % kGroupBytes;
  for (size_t start = 0;;) {
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int w = 0; w < kWidth; w++) sums[r][w] = tile_start<E>(in, r);
    }
    const size_t left = groups - start;
    const size_t depth = E::kDepth == 0 || left < E::kDepth ? left : E::kDepth;
    tile_groups<E, kRows, kWidth>(sums, rows, in.stride, depth, panel, ahead);
    const bool first = start == 0;
    start += depth;
    const bool last = E::kDepth == 0 || start >= groups;
    if (last && rest != 0) tile_rest<E, kRows, kWidth>(sums, rows, in.stride, rest, panel);
    if (E::kDepth == 0 || (first && last)) break;
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int w = 0; w < kWidth; w++) {
        sums[r][w] = E::add(totals[r][w], sums[r][w]);
        totals[r][w] = sums[r][w];
      }
    }
    if (last) break;
  }
  return tile_masks<E, kRows, kWidth>(sums, in, masks, values);
}

// Without prefetches of its own: the tile before asked for these rows.
template <class E, int kRows>
EMBEDLANE_INLINE void squares_of(const char* rows, size_t stride, size_t bytes, float* squares) {
  typename E::Sum sums[kRows][2];
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) sums[r][0] = sums[r][1] = E::zero();
  constexpr size_t kStep = 2 * kVectorBytes;
  size_t i = 0;
  for (; i + kStep <= bytes; i += kStep) {
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int h = 0; h < 2; h++) {
        sums[r][h] = E::square(sums[r][h], E::load(rows + size_t(r) * stride + i + size_t(h) * kVectorBytes));
      }
    }
  }
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    typename E::Sum sum = E::add(sums[r][0], sums[r][1]);
    if (i < bytes) {
      char rest[kStep] = {};
      memcpy(rest, rows + size_t(r) * stride + i, bytes - i);
      sum = E::square(E::square(sum, E::load(rest)), E::load(rest + kVectorBytes));
    }
    squares[r] = F::sum(E::value(sum));
  }
}

template <class E, int kRows>
EMBEDLANE_INLINE void byte_sums_of(const char* rows, size_t stride, size_t bytes, int32_t* sums) {
  typename E::Sum totals[kRows];
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) totals[r] = E::zero();
  size_t i = 0;
  for (; i + kVectorBytes <= bytes; i += kVectorBytes) {
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) totals[r] = E::count(totals[r], E::load(rows + size_t(r) * stride + i));
  }
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    if (i < bytes) {
      char rest[kVectorBytes] = {};
      memcpy(rest, rows + size_t(r) * stride + i, bytes - i);
      totals[r] = E::count(totals[r], E::load(rest));
    }
    sums[r] = E::total(totals[r]);
  }
}

// Four rows at a time, then one.
template <auto kFour, auto kOne, class Sum>
void of_rows(const void* rows, size_t stride, size_t count, size_t bytes, Sum* sums) {
  const char* at = static_cast<const char*>(rows);
  size_t r = 0;
  for (; r + 4 <= count; r += 4, at += 4 * stride) kFour(at, stride, bytes, sums + r);
  for (; r < count; r++, at += stride) kOne(at, stride, bytes, sums + r);
}

template <class E>
constexpr auto byte_sums_if_needed() -> decltype(TileSet::byte_sums) {
  if constexpr (E::kFlip != 0) return of_rows<byte_sums_of<E, 4>, byte_sums_of<E, 1>, int32_t>;
  return nullptr;
}

// As many independent sums as a tile has: they hide the instructions' latency and fit the registers.
constexpr int kChains = 2 * F::kRows;

template <class E>
float multiply_adds(size_t rounds, const char* zeros) {
  static_assert((kChains + 2) * kVectorBytes <= kWorkBytes);
  const typename E::X a = E::load(zeros), b = E::load(zeros + kVectorBytes);
  typename E::Sum sums[kChains];
  EMBEDLANE_UNROLL
  for (int i = 0; i < kChains; i++) sums[i] = E::step(E::zero(), E::load(zeros + (i + 2) * kVectorBytes), b);
  for (size_t round = 0; round < rounds; round++) {
    EMBEDLANE_UNROLL
    for (int i = 0; i < kChains; i++) sums[i] = E::chain(sums[i], a, b);
  }
  typename E::Sum total = sums[0];
  EMBEDLANE_UNROLL
  for (int i = 1; i < kChains; i++) total = E::add(total, sums[i]);
  return F::sum(E::value(total));
}

template <class E>
constexpr TileSet kTileSet = {{tile<E, F::kRows, 1>, tile<E, F::kRows, 2>},
                              {tile<E, 1, 1>, tile<E, 1, 2>},
                              of_rows<squares_of<E, 4>, squares_of<E, 1>, float>,
                              {multiply_adds<E>, 2 * kChains* F::kLanes* E::kElements},
                              byte_sums_if_needed<E>(),
                              E::kFlip};

[[maybe_unused]] float read_all(const char* data, size_t bytes) {
  F::V sums[4] = {F::zero(), F::zero(), F::zero(), F::zero()};
  for (size_t i = 0; i + 4 * kVectorBytes <= bytes; i += 4 * kVectorBytes) {
    EMBEDLANE_UNROLL
    for (int j = 0; j < 4; j++) {
      sums[j] = F::add(sums[j], F::load(reinterpret_cast<const float*>(data + i + size_t(j) * kVectorBytes)));
    }
  }
  return F::sum(F::add(F::add(sums[0], sums[1]), F::add(sums[2], sums[3])));
}

constexpr TileSet kNoTiles = {{nullptr, nullptr}, {nullptr, nullptr}, nullptr, {nullptr, 0}, nullptr, 0};

}  // namespace
}  // namespace embedlane
