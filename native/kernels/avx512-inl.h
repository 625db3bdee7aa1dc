// Vectors of AVX-512 F/BW/DQ/VL. Internal linkage, see kernels-inl.h.
#pragma once

#if defined(__GNUC__) && !defined(__clang__)
// gcc's own intrinsics read deliberately undefined registers (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

struct V {
  using D = __m512d;
  static constexpr int kD = 8;
  static D zero_d() { return _mm512_setzero_pd(); }
  static D widen(const float* p) { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
  static D widen_f16(const uint16_t* p) {
    return _mm512_cvtps_pd(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static D widen_bf16(const uint16_t* p) {
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm512_cvtps_pd(_mm256_castsi256_ps(_mm256_slli_epi32(words, 16)));
  }
  static D set_d(double x) { return _mm512_set1_pd(x); }
  static D load_d(const double* p) { return _mm512_loadu_pd(p); }
  static void store_d(double* p, D a) { _mm512_storeu_pd(p, a); }
  static D add(D a, D b) { return _mm512_add_pd(a, b); }
  static D sub(D a, D b) { return _mm512_sub_pd(a, b); }
  static D mul(D a, D b) { return _mm512_mul_pd(a, b); }
  static D fma(D a, D b, D c) { return _mm512_fmadd_pd(a, b, c); }
  static D abs(D a) { return _mm512_abs_pd(a); }
  static double sum(D a) {
    const __m256d quad = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
    const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(quad), _mm256_extractf128_pd(quad, 1));
    return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
  }

  static EMBEDLANE_INLINE void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
  }
  static EMBEDLANE_INLINE void prefetch_far(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
  }

  static constexpr int kRows = 4;
  static constexpr int kTileB = 6;
  // Six at a time, each by the same additions: half as many shuffles.
  static void sums(const D (&v)[kTileB], double* out) {
    const D ab = halves(v[0], v[1]), cd = halves(v[2], v[3]), ef = halves(v[4], v[5]);
    const D abcd = quarters(ab, cd), efef = quarters(ef, ef);
    const D aebf = add(_mm512_unpacklo_pd(abcd, efef), _mm512_unpackhi_pd(abcd, efef));
    _mm512_mask_storeu_pd(out, 0x3f, _mm512_permutexvar_pd(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 0, 0), aebf));
  }
  // Element i + element i + 4, of a in the lower half and of b in the upper.
  static D halves(D a, D b) {
    return add(_mm512_shuffle_f64x2(a, b, 0x44), _mm512_shuffle_f64x2(a, b, 0xee));
  }
  // Of each half of a, then of b: element i + element i + 2.
  static D quarters(D a, D b) {
    return add(_mm512_shuffle_f64x2(a, b, 0x88), _mm512_shuffle_f64x2(a, b, 0xdd));
  }
};

struct H {
  static constexpr int kCount = 16;
  static void from_f16(const uint16_t* p, float* out) {
    _mm512_storeu_ps(out, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
  }
  static void to_f16(const float* p, uint16_t* out) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                        _mm512_cvtps_ph(_mm512_loadu_ps(p), _MM_FROUND_TO_NEAREST_INT));
  }
  static uint32_t positive(const float* p) {
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(p), _mm512_setzero_ps(), _CMP_GT_OQ);
  }
};

struct Avx512Bytes {
  using B = __m512i;
  using S = __m512i;
  static constexpr size_t kBytes = 64;
  static constexpr bool kBiased = false;
  static constexpr int kRows = 4;
  static B load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static B load_part(const uint8_t* p, size_t n) {
    return _mm512_maskz_loadu_epi8((uint64_t(1) << n) - 1, p);
  }
  static B zero_bytes() { return _mm512_setzero_si512(); }
  static B bits_and(B a, B b) { return _mm512_and_si512(a, b); }
  static B bits_xor(B a, B b) { return _mm512_xor_si512(a, b); }
  static B flip(B a) { return _mm512_xor_si512(a, _mm512_set1_epi8(char(0x80))); }
  static B distance_u8(B a, B b) { return _mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a)); }

  static S zero() { return _mm512_setzero_si512(); }
  static S dot_i8(S sum, B a, B b) {
    const __m512i low = _mm512_madd_epi16(_mm512_cvtepi8_epi16(_mm512_castsi512_si256(a)),
                                          _mm512_cvtepi8_epi16(_mm512_castsi512_si256(b)));
    const __m512i high = _mm512_madd_epi16(_mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(a, 1)),
                                           _mm512_cvtepi8_epi16(_mm512_extracti64x4_epi64(b, 1)));
    return _mm512_add_epi32(sum, _mm512_add_epi32(low, high));
  }
  static S dot_u8(S sum, B a, B b) {
    const __m512i low = _mm512_madd_epi16(_mm512_unpacklo_epi8(a, zero()), _mm512_unpacklo_epi8(b, zero()));
    const __m512i high = _mm512_madd_epi16(_mm512_unpackhi_epi8(a, zero()), _mm512_unpackhi_epi8(b, zero()));
    return _mm512_add_epi32(sum, _mm512_add_epi32(low, high));
  }
  static S square_u8(S sum, B a) { return dot_u8(sum, a, a); }
  static S add_u8(S sum, B a) { return _mm512_add_epi64(sum, _mm512_sad_epu8(a, zero())); }
  static S count_bits(S sum, B a) {
    // As in avx2.cc.
    const __m512i counts =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i low = _mm512_shuffle_epi8(counts, _mm512_and_si512(a, nibble));
    const __m512i high = _mm512_shuffle_epi8(counts, _mm512_and_si512(_mm512_srli_epi16(a, 4), nibble));
    return add_u8(sum, _mm512_add_epi8(low, high));
  }
  static int64_t total_products(S sum) { return _mm512_reduce_add_epi32(sum); }
  static int64_t total_counts(S sum) { return _mm512_reduce_add_epi64(sum); }
};

}  // namespace
}  // namespace embedlane
