// The filter's common text, compiled once per instruction set by the file that includes it; see kernels-inl.h
// for why nothing here may be shared between instruction sets.
//
// The including file defines, in an unnamed namespace, `struct F` with
//   V, kLanes   vector of kLanes floats: zero, load, set, add, fma, sum (in any order)
//   passes      bit per lane, set unless a < threshold
//   prefetch    a hint; any address will do
//   kRows       rows of a tile, a multiple of three
#include "tiles.h"

namespace embedlane {
namespace {

// How far ahead of their use rows are asked for, beyond the rows that are being read, in bytes.
constexpr size_t kAhead = 4096;
constexpr size_t kLineFloats = 64 / sizeof(float);

EMBEDLANE_INLINE const float* floats_at(const char* p, size_t bytes) {
  return reinterpret_cast<const float*>(p + bytes);
}

// One depth of a tile. Rows go by threes, so that every address is a pointer plus nothing, the stride or
// twice the stride: a form that instructions have, which keeps twelve rows within the registers.
template <int kRows, int kWidth>
EMBEDLANE_INLINE void tile_step(F::V (&sums)[kRows][kWidth], const char* const* rows, size_t stride,
                                size_t at, const float* panel) {
  F::V queries[kWidth];
  EMBEDLANE_UNROLL
  for (int w = 0; w < kWidth; w++) queries[w] = F::load(panel + w * F::kLanes);
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    const F::V x = F::set(*floats_at(rows[r / 3] + size_t(r % 3) * stride, at));
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) sums[r][w] = F::fma(x, queries[w], sums[r][w]);
  }
}

// Compares a tile's sums with their thresholds, see Tile.
template <int kRows, int kWidth>
EMBEDLANE_INLINE bool tile_masks(const F::V (&sums)[kRows][kWidth], const TileInput& in, uint32_t* masks) {
  uint32_t any = 0;
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    const F::V norm = F::set(in.norms[r]);
    const F::V offset = F::set(in.offsets[r]);
    uint32_t mask = 0;
    EMBEDLANE_UNROLL
    for (int w = 0; w < kWidth; w++) {
      const F::V slope = F::load(in.slope + w * F::kLanes);
      const F::V threshold = F::add(F::fma(slope, norm, F::load(in.base + w * F::kLanes)), offset);
      mask |= uint32_t(F::passes(sums[r][w], threshold)) << (w * F::kLanes);
    }
    masks[r] = mask;
    any |= mask;
  }
  return any != 0;
}

template <int kRows, int kWidth>
bool tile_f32(const TileInput& in, uint32_t* masks) {
  constexpr int kPointers = (kRows + 2) / 3;
  constexpr size_t kDepth = F::kDepthUnroll;
  F::V sums[kRows][kWidth];
  F::V totals[kRows][kWidth];
  const float* panel = static_cast<const float*>(in.panel);
  const char* rows[kPointers];
  EMBEDLANE_UNROLL
  for (int i = 0; i < kPointers; i++) rows[i] = static_cast<const char*>(in.rows) + size_t(3 * i) * in.stride;
  const char* ahead = static_cast<const char*>(in.rows) + size_t(kRows) * in.stride;
  for (size_t start = 0;;) {
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int w = 0; w < kWidth; w++) sums[r][w] = F::zero();
    }
    const size_t left = in.dims - start;
    const size_t depth = left < kFilterDepth ? left : kFilterDepth;
    size_t d = 0;
    for (; d + kDepth <= depth; d += kDepth) {
      if (d % kLineFloats == 0) {
        // So many streams are more than hardware prefetchers follow, so the next tile's rows are asked for
        // here, in address order.
        EMBEDLANE_UNROLL
        for (int r = 0; r < kRows; r++) F::prefetch(ahead + r * kLineFloats * sizeof(float));
        ahead += kRows * kLineFloats * sizeof(float);
      }
      EMBEDLANE_UNROLL
      for (size_t j = 0; j < kDepth; j++) {
        tile_step<kRows, kWidth>(sums, rows, in.stride, j * sizeof(float), panel + j * kWidth * F::kLanes);
      }
      panel += kDepth * kWidth * F::kLanes;
      EMBEDLANE_UNROLL
      for (int i = 0; i < kPointers; i++) rows[i] += kDepth * sizeof(float);
    }
    for (; d < depth; d++) {
      tile_step<kRows, kWidth>(sums, rows, in.stride, 0, panel);
      panel += kWidth * F::kLanes;
      EMBEDLANE_UNROLL
      for (int i = 0; i < kPointers; i++) rows[i] += sizeof(float);
    }
    const bool first = start == 0;
    start += depth;
    const bool last = start >= in.dims;
    if (first && last) break;
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int w = 0; w < kWidth; w++) {
        if (!first) sums[r][w] = F::add(totals[r][w], sums[r][w]);
        totals[r][w] = sums[r][w];
      }
    }
    if (last) break;
  }
  return tile_masks<kRows, kWidth>(sums, in, masks);
}

template <int kRows>
EMBEDLANE_INLINE void squares_of(const char* rows, size_t stride, size_t dims, float* squares) {
  F::V sums[kRows][2];
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) sums[r][0] = sums[r][1] = F::zero();
  constexpr size_t kStep = 2 * F::kLanes;
  size_t i = 0;
  for (; i + kStep <= dims; i += kStep) {
    EMBEDLANE_UNROLL
    for (size_t p = 0; p < kRows * kStep * sizeof(float); p += 64) {
      F::prefetch(rows + size_t(kRows) * stride + kRows * i * sizeof(float) + p + kAhead);
    }
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      EMBEDLANE_UNROLL
      for (int h = 0; h < 2; h++) {
        const F::V x =
            F::load(floats_at(rows + size_t(r) * stride, (i + size_t(h) * F::kLanes) * sizeof(float)));
        sums[r][h] = F::fma(x, x, sums[r][h]);
      }
    }
  }
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    const float* row = floats_at(rows + size_t(r) * stride, 0);
    float tail = 0;
    for (size_t j = i; j < dims; j++) tail += row[j] * row[j];
    squares[r] = F::sum(F::add(sums[r][0], sums[r][1])) + tail;
  }
}

void squares_f32(const void* rows, size_t stride, size_t count, size_t dims, float* squares) {
  const char* at = static_cast<const char*>(rows);
  size_t r = 0;
  for (; r + 4 <= count; r += 4, at += 4 * stride) squares_of<4>(at, stride, dims, squares + r);
  for (; r < count; r++, at += stride) squares_of<1>(at, stride, dims, squares + r);
}

constexpr Tiles kTiles = {
    F::kLanes,   F::kRows, {tile_f32<F::kRows, 1>, tile_f32<F::kRows, 2>}, {tile_f32<1, 1>, tile_f32<1, 2>},
    squares_f32,
};

}  // namespace
}  // namespace embedlane
