// The text of bag_mean, compiled once per instruction set by the file that includes it; see kernels-inl.h for
// what may not appear here. The including file defines, in an unnamed namespace, `struct W` with F, kF, zero,
// load, store, set, add, div, prefetch, and kBlock: vectors that are summed at a time, as many as registers
// allow.
#include "bag_mean.h"

namespace embedlane {
namespace {

// How many rows ahead of their use rows are asked for: they lie anywhere in the table.
constexpr size_t kRowsAhead = 4;

template <int kVectors>
EMBEDLANE_INLINE void mean_block(const float* table, size_t stride, const uint32_t* ids, size_t count,
                                 size_t readable, float divisor, float* out) {
  W::F sums[kVectors];
  EMBEDLANE_UNROLL
  for (int v = 0; v < kVectors; v++) sums[v] = W::zero();
  for (size_t i = 0; i < count; i++) {
    if (i + kRowsAhead < readable) {
      const float* ahead = table + size_t(ids[i + kRowsAhead]) * stride;
      EMBEDLANE_UNROLL
      for (int f = 0; f < kVectors * W::kF; f += 16) W::prefetch(ahead + f);
    }
    const float* row = table + size_t(ids[i]) * stride;
    EMBEDLANE_UNROLL
    for (int v = 0; v < kVectors; v++) sums[v] = W::add(sums[v], W::load(row + v * W::kF));
  }
  const W::F divisors = W::set(divisor);
  EMBEDLANE_UNROLL
  for (int v = 0; v < kVectors; v++) W::store(out + v * W::kF, W::div(sums[v], divisors));
}

EMBEDLANE_INLINE void mean_rows(const float* table, size_t stride, const uint32_t* ids, size_t count,
                                size_t readable, size_t dims, float* out) {
  const float divisor = count > 0 ? float(count) : 1.0f;
  size_t d = 0;
  for (; d + W::kBlock * W::kF <= dims; d += W::kBlock * W::kF) {
    mean_block<W::kBlock>(table + d, stride, ids, count, readable, divisor, out + d);
  }
  for (; d + W::kF <= dims; d += W::kF) {
    mean_block<1>(table + d, stride, ids, count, readable, divisor, out + d);
  }
  for (; d < dims; d++) {
    float sum = 0;
    for (size_t i = 0; i < count; i++) sum += table[size_t(ids[i]) * stride + d];
    out[d] = sum / divisor;
  }
}

}  // namespace
}  // namespace embedlane
