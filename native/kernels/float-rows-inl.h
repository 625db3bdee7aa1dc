// The kernels for rows of floats: canonical sums in float64, see kernels.h. Included by kernels-inl.h.
#pragma once

#include <math.h>

#include "ahead.h"
#include "half-inl.h"
#include "kernels.h"

namespace embedlane {
namespace {

constexpr int kLanes = 16;
constexpr int kGroups = kLanes / V::kD;
constexpr size_t kCacheLine = 64;

// Asks for what follows `rows`.
EMBEDLANE_INLINE void ask_ahead(const void* rows) {
  const char* const p = static_cast<const char*>(rows);
  V::prefetch_far(p + kFarAhead);
  V::prefetch(p + kAhead);
}

struct F32 {
  using T = float;
  static EMBEDLANE_INLINE V::D widen(const T* p) { return V::widen(p); }
  static EMBEDLANE_INLINE double value(T x) { return x; }
};

struct F16 {
  using T = uint16_t;
  static EMBEDLANE_INLINE V::D widen(const T* p) { return V::widen_f16(p); }
  static EMBEDLANE_INLINE double value(T x) { return f16_to_f32(x); }
};

struct Bf16 {
  using T = uint16_t;
  static EMBEDLANE_INLINE V::D widen(const T* p) { return V::widen_bf16(p); }
  static EMBEDLANE_INLINE double value(T x) { return bf16_to_f32(x); }
};

struct DotOp {
  static EMBEDLANE_INLINE V::D step(V::D sum, V::D a, V::D b) { return V::fma(a, b, sum); }
  static EMBEDLANE_INLINE double tail(double sum, double a, double b) { return sum + a * b; }
};

struct SquaredL2Op {
  static EMBEDLANE_INLINE V::D step(V::D sum, V::D a, V::D b) {
    const V::D d = V::sub(a, b);
    return V::add(sum, V::mul(d, d));
  }
  static EMBEDLANE_INLINE double tail(double sum, double a, double b) { return sum + (a - b) * (a - b); }
};

struct L1Op {
  static EMBEDLANE_INLINE V::D step(V::D sum, V::D a, V::D b) { return V::add(sum, V::abs(V::sub(a, b))); }
  static EMBEDLANE_INLINE double tail(double sum, double a, double b) { return sum + fabs(a - b); }
};

EMBEDLANE_INLINE V::D add_groups(V::D (&lanes)[kGroups]) {
  EMBEDLANE_UNROLL
  for (int width = kGroups / 2; width > 0; width /= 2) {
    EMBEDLANE_UNROLL
    for (int i = 0; i < width; i++) lanes[i] = V::add(lanes[i], lanes[i + width]);
  }
  return lanes[0];
}

EMBEDLANE_INLINE double sum_lanes(V::D (&lanes)[kGroups]) { return V::sum(add_groups(lanes)); }

template <class E, class Op, int kRows, bool kSquares>
EMBEDLANE_INLINE void canonical(const typename E::T* query, const char* rows, size_t stride, size_t dims,
                                double* out, double* squares) {
  using T = typename E::T;
  const T* row[kRows];
  V::D sums[kRows][kGroups];
  V::D norms[kRows][kGroups];
  for (int r = 0; r < kRows; r++) {
    row[r] = reinterpret_cast<const T*>(rows + r * stride);
    for (int g = 0; g < kGroups; g++) sums[r][g] = norms[r][g] = V::zero_d();
  }
  size_t i = 0;
  for (; i + kLanes <= dims; i += kLanes) {
    if (kRows > 1) {
      // Several rows at a time are as many streams, and hardware prefetchers follow those at half of the
      // memory's speed. So the next rows are asked for here, in address order.
      EMBEDLANE_UNROLL
      for (size_t ahead = 0; ahead < kRows * kLanes * sizeof(T); ahead += kCacheLine) {
        ask_ahead(rows + kRows * (stride + i * sizeof(T)) + ahead);
      }
    }
    EMBEDLANE_UNROLL
    for (int g = 0; g < kGroups; g++) {
      const V::D q = E::widen(query + i + g * V::kD);
      EMBEDLANE_UNROLL
      for (int r = 0; r < kRows; r++) {
        const V::D x = E::widen(row[r] + i + g * V::kD);
        sums[r][g] = Op::step(sums[r][g], q, x);
        if (kSquares) norms[r][g] = DotOp::step(norms[r][g], x, x);
      }
    }
  }
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    double tail = 0;
    for (size_t j = i; j < dims; j++) tail = Op::tail(tail, E::value(query[j]), E::value(row[r][j]));
    out[r] = sum_lanes(sums[r]) + tail;
    if (kSquares) {
      double square_tail = 0;
      for (size_t j = i; j < dims; j++) square_tail += E::value(row[r][j]) * E::value(row[r][j]);
      squares[r] = sum_lanes(norms[r]) + square_tail;
    }
  }
}

template <class E, class Op, bool kSquares>
EMBEDLANE_INLINE void canonical_rows(const void* query, const void* rows, size_t stride, size_t count,
                                     size_t dims, double* out, double* squares) {
  const auto* q = static_cast<const typename E::T*>(query);
  const char* x = static_cast<const char*>(rows);
  size_t r = 0;
  for (; r + V::kRows <= count; r += V::kRows) {
    canonical<E, Op, V::kRows, kSquares>(q, x + r * stride, stride, dims, out + r,
                                         kSquares ? squares + r : nullptr);
  }
  for (; r < count; r++) {
    canonical<E, Op, 1, kSquares>(q, x + r * stride, stride, dims, out + r, kSquares ? squares + r : nullptr);
  }
}

template <class E, class Op>
void float_sums(const void* query, const void* rows, size_t stride, size_t count, size_t dims, double* out) {
  canonical_rows<E, Op, false>(query, rows, stride, count, dims, out, nullptr);
}

template <class E>
void float_dots_and_squares(const void* query, const void* rows, size_t stride, size_t count, size_t dims,
                            double* dots, double* squares) {
  canonical_rows<E, DotOp, true>(query, rows, stride, count, dims, dots, squares);
}

template <class E>
constexpr RowKernels kFloatRows = {float_sums<E, DotOp>, float_dots_and_squares<E>,
                                   float_sums<E, SquaredL2Op>, float_sums<E, L1Op>};

}  // namespace
}  // namespace embedlane
