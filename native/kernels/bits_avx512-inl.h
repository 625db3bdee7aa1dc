// Bit counts with VPOPCNTDQ. Internal linkage, see kernels-inl.h.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// gcc's own intrinsics read deliberately undefined registers (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "ahead.h"
#include "compiler.h"

namespace embedlane {
namespace {

// The sums of the eight lanes of each of eight vectors.
EMBEDLANE_INLINE __m512i sums_of_eight(const __m512i (&v)[8]) {
  __m512i pairs[4], quads[2];
  EMBEDLANE_UNROLL
  for (int i = 0; i < 4; i++) {
    // Lanes 2l and 2l + 1 hold a part of vector i and i + 4.
    pairs[i] = _mm512_add_epi64(_mm512_unpacklo_epi64(v[i], v[i + 4]), _mm512_unpackhi_epi64(v[i], v[i + 4]));
  }
  EMBEDLANE_UNROLL
  for (int i = 0; i < 2; i++) {
    quads[i] = _mm512_add_epi64(_mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0x88),
                                _mm512_shuffle_i64x2(pairs[i], pairs[i + 2], 0xdd));
  }
  const __m512i sum = _mm512_add_epi64(_mm512_shuffle_i64x2(quads[0], quads[1], 0x88),
                                       _mm512_shuffle_i64x2(quads[0], quads[1], 0xdd));
  // 128-bit lane l holds vectors {0, 4}, {2, 6}, {1, 5}, {3, 7}.
  return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 2, 6, 1, 5, 3, 7), sum);
}

template <bool kBoth>
EMBEDLANE_INLINE __m512i bits_of(__m512i query, __m512i row) {
  return _mm512_popcnt_epi64(kBoth ? _mm512_and_si512(query, row) : _mm512_xor_si512(query, row));
}

// Eight rows, one vector of sums.
template <bool kBoth>
EMBEDLANE_INLINE __m256i bits_of_eight(const char* query, const char* const (&rows)[8], size_t whole,
                                       __mmask64 rest) {
  const __m512i last = _mm512_maskz_loadu_epi8(rest, query + whole);
  __m512i sums[8];
  EMBEDLANE_UNROLL
  for (int j = 0; j < 8; j++) {
    sums[j] = bits_of<kBoth>(last, _mm512_maskz_loadu_epi8(rest, rows[j] + whole));
  }
  for (size_t i = 0; i < whole; i += 64) {
    const __m512i part = _mm512_loadu_si512(query + i);
    EMBEDLANE_UNROLL
    for (int j = 0; j < 8; j++) {
      sums[j] = _mm512_add_epi64(sums[j], bits_of<kBoth>(part, _mm512_loadu_si512(rows[j] + i)));
    }
  }
  return _mm512_cvtepi64_epi32(sums_of_eight(sums));
}

template <bool kBoth>
void bit_counts(const void* query, const void* rows, size_t stride, size_t count, size_t bytes,
                uint32_t* counts) {
  const char* q = static_cast<const char*>(query);
  const char* at = static_cast<const char*>(rows);
  const size_t whole = bytes / 64 * 64;
  const __mmask64 rest = bytes == whole ? 0 : ~uint64_t(0) >> (64 - (bytes - whole));
  size_t r = 0;
  for (; r + 8 <= count; r += 8, at += 8 * stride) {
    for (size_t p = 0; p < 8 * stride; p += 64) {
      _mm_prefetch(at + kFarAhead + p, _MM_HINT_T1);
      _mm_prefetch(at + kAhead + p, _MM_HINT_T0);
    }
    const char* const eight[8] = {at,
                                  at + stride,
                                  at + 2 * stride,
                                  at + 3 * stride,
                                  at + 4 * stride,
                                  at + 5 * stride,
                                  at + 6 * stride,
                                  at + 7 * stride};
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(counts + r), bits_of_eight<kBoth>(q, eight, whole, rest));
  }
  if (r == count) return;
  // Beyond the last row, the last row again.
  const char* few[8];
  for (size_t j = 0; j < 8; j++) few[j] = at + (r + j < count ? j : count - r - 1) * stride;
  _mm256_mask_storeu_epi32(counts + r, __mmask8((1u << (count - r)) - 1),
                           bits_of_eight<kBoth>(q, few, whole, rest));
}

constexpr int kCounters = 12;
constexpr size_t kCountedBits = 2 * kCounters * 512;

// What bit_counts() does with every 64 bytes, in registers: see Work.
float count_bits(size_t rounds, const char* zeros) {
  const __m512i query = _mm512_loadu_si512(zeros);
  __m512i sums[kCounters];
  EMBEDLANE_UNROLL
  for (int i = 0; i < kCounters; i++) sums[i] = _mm512_loadu_si512(zeros + (i + 1) * 64);
  for (size_t round = 0; round < rounds; round++) {
    EMBEDLANE_UNROLL
    for (int i = 0; i < kCounters; i++) sums[i] = _mm512_add_epi64(sums[i], bits_of<false>(query, sums[i]));
  }
  __m512i total = sums[0];
  EMBEDLANE_UNROLL
  for (int i = 1; i < kCounters; i++) total = _mm512_add_epi64(total, sums[i]);
  return float(_mm512_reduce_add_epi64(total));
}

}  // namespace
}  // namespace embedlane
