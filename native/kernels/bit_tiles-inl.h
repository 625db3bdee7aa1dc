// Tiles that count bits; after tiles-inl.h, under its rules. The including file defines a struct with
//   X            vector of F::kLanes groups of kGroupBytes: load, and broadcast of one group
//   Sum, step    counts, to which step() adds the bits in which two groups differ
//   kDepth       groups that a Sum has room for, less one for a row's last bytes; 0: any number
//   Total        F::kLanes counts of 32 bits: total() of a Sum, add, store, and
//   stay         bit per lane, set where the count is at most its limit
//   kRows        rows that the registers have room for at a time, of which F::kRows is a multiple
//   kLeastQueries   BitTileSet::least_queries
#pragma once

#include "tiles-inl.h"

namespace embedlane {
namespace {

// Some rows of a tile. Writes the counts only if any stays.
template <class E, int kRows, int kWidth>
EMBEDLANE_INLINE uint32_t bit_rows(const BitTileInput& in, const char* from, const char* ahead,
                                   uint32_t* masks, uint32_t* counts) {
  constexpr int kPointers = (kRows + 2) / 3;
  typename E::Total totals[kRows][kWidth];
  const char* panel = in.panel;
  const char* rows[kPointers];
  EMBEDLANE_UNROLL
  for (int i = 0; i < kPointers; i++) rows[i] = from + size_t(3 * i) * in.stride;
  const size_t groups = in.row_bytes / kGroupBytes;
  const size_t rest = in.row_bytes % kGroupBytes;
  for (size_t start = 0;;) {
    typename E::Sum sums[kRows][kWidth];
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int w = 0; w < kWidth; w++) sums[r][w] = E::zero();
    }
    const size_t left = groups - start;
    const size_t depth = E::kDepth == 0 || left < E::kDepth ? left : E::kDepth;
    tile_groups<E, kRows, kWidth>(sums, rows, in.stride, depth, panel, ahead);
    const bool first = start == 0;
    start += depth;
    const bool last = start == groups;
    if (last && rest != 0) tile_rest<E, kRows, kWidth>(sums, rows, in.stride, rest, panel);
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int w = 0; w < kWidth; w++) {
        const typename E::Total total = E::total(sums[r][w]);
        totals[r][w] = first ? total : E::add(totals[r][w], total);
      }
    }
    if (last) break;
  }
  uint32_t any = 0;
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    uint32_t mask = 0;
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) {
      mask |= uint32_t(E::stay(totals[r][w], in.limits + w * F::kLanes)) << (w * F::kLanes);
    }
    masks[r] = mask;
    any |= uint32_t(mask != 0) << r;
  }
  if (any == 0) return 0;
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) E::store(counts + (r * kWidth + w) * F::kLanes, totals[r][w]);
  }
  return any;
}

template <class E, int kRows, int kWidth>
uint32_t bit_tile(const BitTileInput& in, uint32_t* masks, uint32_t* counts) {
  constexpr int kStep = kRows < E::kRows ? kRows : E::kRows;
  static_assert(kRows % kStep == 0);
  uint32_t any = 0;
  EMBEDLANE_ONE_BY_ONE
  for (int r = 0; r < kRows; r += kStep) {
    any |=
        bit_rows<E, kStep, kWidth>(in, in.rows + size_t(r) * in.stride, in.ahead + size_t(r) * in.row_bytes,
                                   masks + r, counts + r * kWidth * F::kLanes)
        << r;
  }
  return any;
}

template <class E>
constexpr BitTileSet kBitTileSet = {{bit_tile<E, F::kRows, 1>, bit_tile<E, F::kRows, 2>},
                                    {bit_tile<E, 1, 1>, bit_tile<E, 1, 2>},
                                    E::kLeastQueries};

}  // namespace
}  // namespace embedlane
