// Rows of float32 as 8-bit codes, for levels with tiles of bytes. Behind tiles-inl.h; the including file
// defines, in an unnamed namespace, `struct C`, on F::V:
//   abs, max       max: the second if the first is NaN
//   nearest        to integers, ties to even
//   less           c - a * b, rounded once
//   store          as int8, of numbers within ±127; of NaN anything
#pragma once

#include <math.h>

#include "tiles-inl.h"

namespace embedlane {
namespace {

constexpr int kCodedVectors = 4;
constexpr size_t kCodedStep = size_t(kCodedVectors) * F::kLanes;

// How far ahead of a row's elements memory is asked for: rows follow each other, and the first of two passes
// over each is the one that waits.
constexpr size_t kCodedAhead = 5 * 1024;

struct CodedStep {
  F::V largest[kCodedVectors], squares[kCodedVectors];

  EMBEDLANE_INLINE void measure(const float* x, const char* ahead) {
    EMBEDLANE_UNROLL
    for (int v = 0; v < kCodedVectors; v++) {
      F::prefetch(ahead + size_t(v) * kVectorBytes);
      const F::V here = F::load(x + v * F::kLanes);
      largest[v] = C::max(C::abs(here), largest[v]);
      squares[v] = F::fma(here, here, squares[v]);
    }
  }
  // `squares` are then those of what the codes leave.
  EMBEDLANE_INLINE void encode(const float* x, F::V scale, F::V inverse, int8_t* codes) {
    EMBEDLANE_UNROLL
    for (int v = 0; v < kCodedVectors; v++) {
      const F::V here = F::load(x + v * F::kLanes);
      const F::V code = C::nearest(F::mul(here, inverse));
      const F::V left = C::less(code, scale, here);
      squares[v] = F::fma(left, left, squares[v]);
      C::store(codes + v * F::kLanes, code);
    }
  }
  EMBEDLANE_INLINE float sum() const {
    return F::sum(F::add(F::add(squares[0], squares[1]), F::add(squares[2], squares[3])));
  }
};

EMBEDLANE_INLINE CodedStep coded_start() {
  CodedStep start;
  EMBEDLANE_UNROLL
  for (int v = 0; v < kCodedVectors; v++) start.largest[v] = start.squares[v] = F::zero();
  return start;
}

// See Tiles::encode. Sums are chains of at most dims / 16 + 8 rounded operations, which for the dimensions
// that tiles take are wrong by less than a part in 2^13; what is left of an element whose square is too small
// for float32 adds at most 2^-126 each.
void encode_row(const float* x, size_t dims, int8_t* codes, float* scale, float* error, float* norm) {
  float rest[kCodedStep] = {};
  const size_t whole = dims - dims % kCodedStep;
  if (whole < dims) memcpy(rest, x + whole, (dims - whole) * sizeof(float));
  CodedStep step = coded_start();
  for (size_t i = 0; i < whole; i += kCodedStep)
    step.measure(x + i, reinterpret_cast<const char*>(x + i) + kCodedAhead);
  if (whole < dims) step.measure(rest, reinterpret_cast<const char*>(rest));
  *norm = sqrtf(step.sum());
  float sizes[F::kLanes];
  F::store(sizes, C::max(C::max(step.largest[0], step.largest[1]), C::max(step.largest[2], step.largest[3])));
  float largest = sizes[0];
  for (int i = 1; i < F::kLanes; i++) largest = sizes[i] > largest ? sizes[i] : largest;
  // Such rows are scored whatever their codes are.
  if (!(largest >= 1e-30f && largest <= 1e30f)) {
    memset(codes, 0, dims);
    *scale = 1;
    *error = *norm;
    return;
  }
  *scale = largest / 127;
  const F::V scales = F::set(*scale), inverses = F::set(127 / largest);
  step = coded_start();
  for (size_t i = 0; i < whole; i += kCodedStep) step.encode(x + i, scales, inverses, codes + i);
  if (whole < dims) {
    int8_t rest_codes[kCodedStep];
    step.encode(rest, scales, inverses, rest_codes);
    memcpy(codes + whole, rest_codes, dims - whole);
  }
  *error = sqrtf(step.sum()) * (1 + 0x1p-12f) + 0x1p-55f;
}

}  // namespace
}  // namespace embedlane
