// The kernels for symmetric matrices, see symmetric.h. Included by kernels-inl.h.
#pragma once

#include <stddef.h>

#include "float-rows-inl.h"
#include "symmetric.h"

namespace embedlane {
namespace {

EMBEDLANE_INLINE V::D add_product(V::D sum, V::D a, V::D b) { return V::add(sum, V::mul(a, b)); }

double update_and_dot(double* row, double v, const double* ws, double w, const double* vs, const double* next,
                      size_t n) {
  const V::D v_all = V::set_d(v), w_all = V::set_d(w);
  V::D sums[kGroups];
  for (int g = 0; g < kGroups; g++) sums[g] = V::zero_d();
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    EMBEDLANE_UNROLL
    for (int g = 0; g < kGroups; g++) {
      const size_t at = i + g * V::kD;
      const V::D change = add_product(V::mul(v_all, V::load_d(ws + at)), w_all, V::load_d(vs + at));
      const V::D changed = V::sub(V::load_d(row + at), change);
      V::store_d(row + at, changed);
      sums[g] = add_product(sums[g], changed, V::load_d(next + at));
    }
  }
  double tail = 0;
  for (; i < n; i++) {
    row[i] -= v * ws[i] + w * vs[i];
    tail += row[i] * next[i];
  }
  return sum_lanes(sums) + tail;
}

void reflect(double* x, const double* v, double beta, size_t n) {
  V::D sums[kGroups];
  for (int g = 0; g < kGroups; g++) sums[g] = V::zero_d();
  const size_t whole = n / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes) {
    EMBEDLANE_UNROLL
    for (int g = 0; g < kGroups; g++) {
      const size_t at = i + g * V::kD;
      sums[g] = add_product(sums[g], V::load_d(x + at), V::load_d(v + at));
    }
  }
  double tail = 0;
  for (size_t i = whole; i < n; i++) tail += x[i] * v[i];
  const double factor = beta * (sum_lanes(sums) + tail);
  const V::D factor_all = V::set_d(factor);
  for (size_t i = 0; i < whole; i += V::kD) {
    V::store_d(x + i, V::sub(V::load_d(x + i), V::mul(factor_all, V::load_d(v + i))));
  }
  for (size_t i = whole; i < n; i++) x[i] -= factor * v[i];
}

// A row of a slice, in registers.
struct SliceRow {
  static constexpr int kVectors = SymmetricKernels::kSlice / V::kD;
  V::D v[kVectors];

  EMBEDLANE_INLINE void load(const double* slice, size_t row) {
    EMBEDLANE_UNROLL
    for (int k = 0; k < kVectors; k++) v[k] = V::load_d(slice + row * SymmetricKernels::kSlice + k * V::kD);
  }
  EMBEDLANE_INLINE void store(double* slice, size_t row) const {
    EMBEDLANE_UNROLL
    for (int k = 0; k < kVectors; k++) V::store_d(slice + row * SymmetricKernels::kSlice + k * V::kD, v[k]);
  }
  // Rotates `above` and this row, which is below it. Then this is the upper one, which meets the next, and
  // `above` the lower, with which the sweep is done.
  EMBEDLANE_INLINE void rotate(SliceRow& above, const double*& turns) {
    const V::D c = V::set_d(turns[0]), s = V::set_d(turns[1]);
    EMBEDLANE_UNROLL
    for (int k = 0; k < kVectors; k++) {
      const V::D below = add_product(V::mul(s, above.v[k]), c, v[k]);
      v[k] = V::sub(V::mul(c, above.v[k]), V::mul(s, v[k]));
      above.v[k] = below;
    }
    turns += 2;
  }
};

// Goes on with a sweep that has come to row i, which is in `kept`, up to row `end`.
EMBEDLANE_INLINE void rotate_on(double* slice, SliceRow& kept, const double*& turns, size_t& i, size_t end) {
  SliceRow row;
  for (; i > end; i--) {
    row.load(slice, i - 1);
    kept.rotate(row, turns);
    row.store(slice, i);
  }
}

void rotate(double* slice, const SymmetricKernels::Sweep& sweep) {
  const double* turns = sweep.turns;
  SliceRow kept;
  size_t i = sweep.first + sweep.count;
  kept.load(slice, i);
  rotate_on(slice, kept, turns, i, sweep.first);
  kept.store(slice, i);
}

void rotate_twice(double* slice, const SymmetricKernels::Sweep& sweep,
                  const SymmetricKernels::Sweep& second) {
  const double* turns = sweep.turns;
  const double* later = second.turns;
  SliceRow kept, behind, row;
  size_t i = sweep.first + sweep.count;
  kept.load(slice, i);
  rotate_on(slice, kept, turns, i, second.first + second.count);
  // The first gives its rows to the second, which is one row behind.
  behind.load(slice, i - 1);
  kept.rotate(behind, turns);
  for (i--; i > sweep.first && i >= second.first; i--) {
    row.load(slice, i - 1);
    kept.rotate(row, turns);
    behind.rotate(row, later);
    row.store(slice, i + 1);
  }
  if (i >= second.first) {
    behind.rotate(kept, later);
    kept.store(slice, i + 1);
    behind.store(slice, i);
    return;
  }
  behind.store(slice, i + 1);
  rotate_on(slice, kept, turns, i, sweep.first);
  kept.store(slice, i);
}

[[maybe_unused]] constexpr SymmetricKernels kSymmetric = {update_and_dot, reflect, rotate, rotate_twice};

}  // namespace
}  // namespace embedlane
