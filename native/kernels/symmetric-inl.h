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

void rotate(double* rows, const double* turns, size_t count) {
  constexpr int kVectors = SymmetricKernels::kSlice / V::kD;
  // A row takes part in two pairs, and stays in registers between them.
  V::D kept[kVectors];
  double* row = rows + count * SymmetricKernels::kSlice;
  EMBEDLANE_UNROLL
  for (int k = 0; k < kVectors; k++) kept[k] = V::load_d(row + k * V::kD);
  for (size_t t = 0; t < count; t++) {
    const V::D c = V::set_d(turns[2 * t]), s = V::set_d(turns[2 * t + 1]);
    const double* const above = row - SymmetricKernels::kSlice;
    EMBEDLANE_UNROLL
    for (int k = 0; k < kVectors; k++) {
      const V::D x = V::load_d(above + k * V::kD);
      V::store_d(row + k * V::kD, add_product(V::mul(s, x), c, kept[k]));
      kept[k] = V::sub(V::mul(c, x), V::mul(s, kept[k]));
    }
    row -= SymmetricKernels::kSlice;
  }
  EMBEDLANE_UNROLL
  for (int k = 0; k < kVectors; k++) V::store_d(row + k * V::kD, kept[k]);
}

[[maybe_unused]] constexpr SymmetricKernels kSymmetric = {update_and_dot, reflect, rotate};

}  // namespace
}  // namespace embedlane
