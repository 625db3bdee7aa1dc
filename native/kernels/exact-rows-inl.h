// The kernels for rows of integers and bits: exact sums. Included by kernels-inl.h.
//
// The including file defines `struct I` with
//   B, kBytes    vector of kBytes bytes: load, load_part (fewer bytes, zeros behind), bits_and, bits_xor,
//   flip
//                (the sign bit: value ± 128), distance_u8 (|a - b|)
//   S            vector of sums: zero
//   dot_i8, dot_u8, square_u8   add products to S; total_products
//   add_u8, count_bits          add bytes or one-bits to S; total_counts
//   kBiased      dot_i8 multiplies with the row + 128 and dot_u8 with the row - 128: one operand of the
//                instruction is signed and one is not. The difference, 128 times the query's sum, is the same
//                for every row.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "compiler.h"
#include "kernels.h"

namespace embedlane {
namespace {

// Bytes after which sums are carried over into 64 bits: even if all of them met in one lane, they would stay
// below 2^31 = 2^14 · 2^17 > 2^14 · 255².
constexpr size_t kExactBlock = 1 << 14;

struct I8 {
  static EMBEDLANE_INLINE size_t bytes(size_t dims) { return dims; }
  static EMBEDLANE_INLINE I::S dot(I::S sum, I::B q, I::B x) { return I::dot_i8(sum, q, x); }
  static EMBEDLANE_INLINE I::S square(I::S sum, I::B x) {
    return I::square_u8(sum, I::distance_u8(I::flip(x), I::flip(I::zero_bytes())));
  }
  static EMBEDLANE_INLINE I::B distance(I::B q, I::B x) { return I::distance_u8(I::flip(q), I::flip(x)); }
  // What a byte adds to the query's sum, and what it adds too much.
  static EMBEDLANE_INLINE I::B magnitude(I::B q) { return I::flip(q); }
  static constexpr int64_t kOffset = 128;
  static constexpr int64_t kBias = 128;
};

struct U8 {
  static EMBEDLANE_INLINE size_t bytes(size_t dims) { return dims; }
  static EMBEDLANE_INLINE I::S dot(I::S sum, I::B q, I::B x) { return I::dot_u8(sum, q, x); }
  static EMBEDLANE_INLINE I::S square(I::S sum, I::B x) { return I::square_u8(sum, x); }
  static EMBEDLANE_INLINE I::B distance(I::B q, I::B x) { return I::distance_u8(q, x); }
  static EMBEDLANE_INLINE I::B magnitude(I::B q) { return q; }
  static constexpr int64_t kOffset = 0;
  static constexpr int64_t kBias = -128;
};

struct B1 {
  static EMBEDLANE_INLINE size_t bytes(size_t dims) { return dims / 8 + (dims % 8 != 0); }
};

// An operation's step and total. kBiased: the total needs 128 times the query's sum taken off.
template <class E>
struct ExactDot {
  static constexpr bool kBiased = I::kBiased;
  static EMBEDLANE_INLINE I::S step(I::S sum, I::B q, I::B x) { return E::dot(sum, q, x); }
  static EMBEDLANE_INLINE int64_t total(I::S sum) { return I::total_products(sum); }
};

template <class E>
struct ExactSquare {
  static EMBEDLANE_INLINE I::S step(I::S sum, I::B x) { return E::square(sum, x); }
  static EMBEDLANE_INLINE int64_t total(I::S sum) { return I::total_products(sum); }
};

template <class E>
struct ExactSquaredL2 {
  static constexpr bool kBiased = false;
  static EMBEDLANE_INLINE I::S step(I::S sum, I::B q, I::B x) { return I::square_u8(sum, E::distance(q, x)); }
  static EMBEDLANE_INLINE int64_t total(I::S sum) { return I::total_products(sum); }
};

template <class E>
struct ExactL1 {
  static constexpr bool kBiased = false;
  static EMBEDLANE_INLINE I::S step(I::S sum, I::B q, I::B x) { return I::add_u8(sum, E::distance(q, x)); }
  static EMBEDLANE_INLINE int64_t total(I::S sum) { return I::total_counts(sum); }
};

template <>
struct ExactDot<B1> {
  static constexpr bool kBiased = false;
  static EMBEDLANE_INLINE I::S step(I::S sum, I::B q, I::B x) {
    return I::count_bits(sum, I::bits_and(q, x));
  }
  static EMBEDLANE_INLINE int64_t total(I::S sum) { return I::total_counts(sum); }
};

template <>
struct ExactSquare<B1> {
  static EMBEDLANE_INLINE I::S step(I::S sum, I::B x) { return I::count_bits(sum, x); }
  static EMBEDLANE_INLINE int64_t total(I::S sum) { return I::total_counts(sum); }
};

template <>
struct ExactL1<B1> {
  static constexpr bool kBiased = false;
  static EMBEDLANE_INLINE I::S step(I::S sum, I::B q, I::B x) {
    return I::count_bits(sum, I::bits_xor(q, x));
  }
  static EMBEDLANE_INLINE int64_t total(I::S sum) { return I::total_counts(sum); }
};

template <>
struct ExactSquaredL2<B1> : ExactL1<B1> {};

template <class E, class Op, int kRows, bool kSquares>
EMBEDLANE_INLINE void exact(const uint8_t* query, const uint8_t* rows, size_t stride, size_t bytes,
                            int64_t bias, double* out, double* squares) {
  using Square = ExactSquare<E>;
  int64_t totals[kRows] = {};
  int64_t norm_totals[kRows] = {};
  for (size_t start = 0; start < bytes;) {
    const size_t end = bytes - start > kExactBlock ? start + kExactBlock : bytes;
    I::S sums[kRows];
    I::S norms[kRows];
    for (int r = 0; r < kRows; r++) sums[r] = norms[r] = I::zero();
    size_t i = start;
    for (; i + I::kBytes <= end; i += I::kBytes) {
      if (kRows > 1) {
        EMBEDLANE_UNROLL
        for (size_t ahead = 0; ahead < kRows * I::kBytes; ahead += kCacheLine) {
          ask_ahead(rows + kRows * (stride + i) + ahead);
        }
      }
      const I::B q = I::load(query + i);
      EMBEDLANE_UNROLL
      for (int r = 0; r < kRows; r++) {
        const I::B x = I::load(rows + r * stride + i);
        sums[r] = Op::step(sums[r], q, x);
        if (kSquares) norms[r] = Square::step(norms[r], x);
      }
    }
    if (i < end) {
      const I::B q = I::load_part(query + i, end - i);
      EMBEDLANE_UNROLL
      for (int r = 0; r < kRows; r++) {
        const I::B x = I::load_part(rows + r * stride + i, end - i);
        sums[r] = Op::step(sums[r], q, x);
        if (kSquares) norms[r] = Square::step(norms[r], x);
      }
    }
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      totals[r] += Op::total(sums[r]);
      if (kSquares) norm_totals[r] += Square::total(norms[r]);
    }
    start = end;
  }
  EMBEDLANE_UNROLL
  for (int r = 0; r < kRows; r++) {
    out[r] = double(totals[r] - bias);
    if (kSquares) squares[r] = double(norm_totals[r]);
  }
}

// The sum of the query's values times kBias.
template <class E>
EMBEDLANE_INLINE int64_t bias_of(const uint8_t* query, size_t bytes) {
  int64_t total = 0;
  for (size_t start = 0; start < bytes;) {
    const size_t end = bytes - start > kExactBlock ? start + kExactBlock : bytes;
    I::S sum = I::zero();
    size_t i = start;
    for (; i + I::kBytes <= end; i += I::kBytes) sum = I::add_u8(sum, E::magnitude(I::load(query + i)));
    if (i < end) {
      sum = I::add_u8(sum, E::magnitude(I::load_part(query + i, end - i)));
      i += I::kBytes;
    }
    total += I::total_counts(sum) - E::kOffset * int64_t(i - start);
    start = end;
  }
  return total * E::kBias;
}

template <class E, class Op, bool kSquares>
EMBEDLANE_INLINE void exact_rows(const void* query, const void* rows, size_t stride, size_t count,
                                 size_t dims, double* out, double* squares) {
  const auto* q = static_cast<const uint8_t*>(query);
  const auto* x = static_cast<const uint8_t*>(rows);
  const size_t bytes = E::bytes(dims);
  int64_t bias = 0;
  if constexpr (Op::kBiased) bias = bias_of<E>(q, bytes);
  size_t r = 0;
  for (; r + I::kRows <= count; r += I::kRows) {
    exact<E, Op, I::kRows, kSquares>(q, x + r * stride, stride, bytes, bias, out + r,
                                     kSquares ? squares + r : nullptr);
  }
  for (; r < count; r++) {
    exact<E, Op, 1, kSquares>(q, x + r * stride, stride, bytes, bias, out + r,
                              kSquares ? squares + r : nullptr);
  }
}

template <class E, class Op>
void exact_sums(const void* query, const void* rows, size_t stride, size_t count, size_t dims, double* out) {
  exact_rows<E, Op, false>(query, rows, stride, count, dims, out, nullptr);
}

template <class E>
void exact_dots_and_squares(const void* query, const void* rows, size_t stride, size_t count, size_t dims,
                            double* dots, double* squares) {
  exact_rows<E, ExactDot<E>, true>(query, rows, stride, count, dims, dots, squares);
}

template <class E>
constexpr RowKernels kExactRows = {exact_sums<E, ExactDot<E>>, exact_dots_and_squares<E>,
                                   exact_sums<E, ExactSquaredL2<E>>, exact_sums<E, ExactL1<E>>};

}  // namespace
}  // namespace embedlane
