// The filter with vectors of AVX-512 F/BW/DQ/VL. Internal linkage, see kernels-inl.h.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// gcc's own intrinsics read deliberately undefined registers (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler.h"

namespace embedlane {
namespace {

// AVX-512 F/BW/DQ/VL. Thirty-two registers: 12 × 2 accumulators, two query vectors, a few broadcasts in
// flight.
struct F {
  using V = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kRows = 12;
  static EMBEDLANE_INLINE V zero() { return _mm512_setzero_ps(); }
  static EMBEDLANE_INLINE V load(const float* p) { return _mm512_loadu_ps(p); }
  static EMBEDLANE_INLINE void store(float* p, V a) { _mm512_storeu_ps(p, a); }
  static EMBEDLANE_INLINE V set(float x) { return _mm512_set1_ps(x); }
  static EMBEDLANE_INLINE V add(V a, V b) { return _mm512_add_ps(a, b); }
  static EMBEDLANE_INLINE V mul(V a, V b) { return _mm512_mul_ps(a, b); }
  static EMBEDLANE_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static EMBEDLANE_INLINE float sum(V a) { return _mm512_reduce_add_ps(a); }
  static EMBEDLANE_INLINE uint32_t passes(V a, V threshold) {
    return _mm512_cmp_ps_mask(a, threshold, _CMP_NLT_UQ);
  }
  template <class X>
  static EMBEDLANE_INLINE void keep([[maybe_unused]] const X& x) {
#if defined(__GNUC__)
    asm volatile("" : : "v"(x));
#endif
  }
  static EMBEDLANE_INLINE void prefetch(const char* p) { _mm_prefetch(p, _MM_HINT_T0); }
};

// What kinds of integers in groups have in common.
struct IntegerGroups {
  using X = __m512i;
  using Sum = __m512i;
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    int32_t group;
    memcpy(&group, p, sizeof(group));
    return _mm512_set1_epi32(group);
  }
  static EMBEDLANE_INLINE X load(const char* p) { return _mm512_loadu_si512(p); }
  static EMBEDLANE_INLINE Sum zero() { return _mm512_setzero_si512(); }
  static EMBEDLANE_INLINE Sum add(Sum a, Sum b) { return _mm512_add_epi32(a, b); }
};

}  // namespace
}  // namespace embedlane

#include "tiles-inl.h"
