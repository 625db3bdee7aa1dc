// The kernels for rows that have been widened, see wide.h. Included by kernels-inl.h; V also has
//   load_d, store_d   kD doubles
//   kTileB            rows of `b` whose sums with kTileA rows fit into registers
//   sums              `sum` of each of kTileB vectors
//   set_d             the same double kD times
#pragma once

#include <math.h>
#include <stddef.h>

#include "float-rows-inl.h"
#include "wide.h"

namespace embedlane {
namespace {

constexpr int kTileA = WideKernels::kTileA;
// What follows the last whole kLanes elements: so many, at most, and vectors with a lane for each row of `b`.
constexpr int kMaxTail = kLanes - 1;
constexpr int kTailVectors = (V::kTileB + V::kD - 1) / V::kD;
constexpr int kTailLanes = kTailVectors * V::kD;

template <class E>
void widen_floats(const void* x, size_t n, double* out) {
  const auto* p = static_cast<const typename E::T*>(x);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    // The rows after these are wanted when these have met all others.
    ask_ahead(p + i);
    EMBEDLANE_UNROLL
    for (int g = 0; g < kGroups; g++) V::store_d(out + i + g * V::kD, E::widen(p + i + g * V::kD));
  }
  for (; i < n; i++) out[i] = E::value(p[i]);
}

// Sums over one vector of every kLanes elements, for kTileA × kTileB rows.
template <class Op>
EMBEDLANE_INLINE void wide_pass(const double* a, const double* b, size_t stride, size_t whole,
                                V::D (&sums)[kTileA][V::kTileB]) {
  EMBEDLANE_UNROLL
  for (int i = 0; i < kTileA; i++) {
    EMBEDLANE_UNROLL
    for (int j = 0; j < V::kTileB; j++) sums[i][j] = V::zero_d();
  }
  for (size_t d = 0; d < whole; d += kLanes) {
    V::D rows[V::kTileB];
    EMBEDLANE_UNROLL
    for (int j = 0; j < V::kTileB; j++) rows[j] = V::load_d(b + j * stride + d);
    EMBEDLANE_UNROLL
    for (int i = 0; i < kTileA; i++) {
      const V::D q = V::load_d(a + i * stride + d);
      EMBEDLANE_UNROLL
      for (int j = 0; j < V::kTileB; j++) sums[i][j] = Op::step(sums[i][j], q, rows[j]);
    }
  }
}

// All sums of kTileA × kTileB rows. The canonical order has kLanes accumulators for each pair, too many for
// the registers: those of one vector are taken over all dimensions, then the next.
//
// `tails` holds the rest of the rows of `b`, turned: element d of all rows from d * kTailLanes on.
template <class Op>
EMBEDLANE_INLINE void wide_tile(const double* a, const double* b, const double* tails, size_t stride,
                                size_t dims, double* out, size_t out_stride) {
  const size_t whole = dims / kLanes * kLanes;
  V::D before[kTileA][V::kTileB][kGroups - 1];
  V::D last[kTileA][V::kTileB];
  EMBEDLANE_ONE_BY_ONE
  for (int g = 0; g < kGroups - 1; g++) {
    V::D sums[kTileA][V::kTileB];
    wide_pass<Op>(a + g * V::kD, b + g * V::kD, stride, whole, sums);
    EMBEDLANE_UNROLL
    for (int i = 0; i < kTileA; i++) {
      EMBEDLANE_UNROLL
      for (int j = 0; j < V::kTileB; j++) before[i][j][g] = sums[i][j];
    }
  }
  wide_pass<Op>(a + (kGroups - 1) * V::kD, b + (kGroups - 1) * V::kD, stride, whole, last);
  EMBEDLANE_UNROLL
  for (int i = 0; i < kTileA; i++) {
    V::D halved[V::kTileB];
    EMBEDLANE_UNROLL
    for (int j = 0; j < V::kTileB; j++) {
      V::D lanes[kGroups];
      EMBEDLANE_UNROLL
      for (int g = 0; g < kGroups - 1; g++) lanes[g] = before[i][j][g];
      lanes[kGroups - 1] = last[i][j];
      halved[j] = add_groups(lanes);
    }
    double sums[kTailLanes] = {};
    V::sums(halved, sums);
    EMBEDLANE_UNROLL
    for (int v = 0; v < kTailVectors; v++) {
      V::D tail = V::zero_d();
      for (size_t d = whole; d < dims; d++) {
        const V::D x = V::load_d(tails + (d - whole) * kTailLanes + v * V::kD);
        tail = Op::step(tail, V::set_d(a[i * stride + d]), x);
      }
      V::store_d(sums + v * V::kD, V::add(V::load_d(sums + v * V::kD), tail));
    }
    EMBEDLANE_UNROLL
    for (int j = 0; j < V::kTileB; j++) out[i * out_stride + j] = sums[j];
  }
}

template <class Op>
void wide_sums(const double* a, size_t a_rows, const double* b, size_t stride, size_t dims, double* out,
               size_t out_stride) {
  double tails[kMaxTail * kTailLanes] = {};
  const size_t whole = dims / kLanes * kLanes;
  for (size_t d = whole; d < dims; d++) {
    for (int j = 0; j < V::kTileB; j++) tails[(d - whole) * kTailLanes + j] = b[j * stride + d];
  }
  for (size_t i = 0; i < a_rows; i += kTileA) {
    wide_tile<Op>(a + i * stride, b, tails, stride, dims, out + i * out_stride, out_stride);
  }
}

// Plain loops, which the compiler turns into vectors: roots and quotients are exact everywhere.
void wide_cosines(const double* dots, double a_root, const double* b_roots, size_t n, float* out) {
  for (size_t j = 0; j < n; j++) {
    const double norms = a_root * b_roots[j];
    // A zero vector's products are 0.
    out[j] = float(dots[j] / (norms == 0 ? 1 : norms));
  }
}

void wide_roots(const double* sums, size_t n, float* out) {
  for (size_t j = 0; j < n; j++) out[j] = float(sqrt(sums[j]));
}

void wide_narrow(const double* sums, size_t n, float* out) {
  for (size_t j = 0; j < n; j++) out[j] = float(sums[j]);
}

static_assert(size_t(V::kTileB) <= WideKernels::kMaxTileB);

[[maybe_unused]] constexpr WideKernels kWide = {
    V::kTileB,        {widen_floats<F32>, widen_floats<F16>, widen_floats<Bf16>},
    wide_sums<DotOp>, wide_sums<SquaredL2Op>,
    wide_sums<L1Op>,  wide_cosines,
    wide_roots,       wide_narrow,
};

}  // namespace
}  // namespace embedlane
