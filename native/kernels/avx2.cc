#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler.h"

namespace embedlane {
namespace {

// AVX2 + FMA + F16C.
struct V {
  using D = __m256d;
  static constexpr int kD = 4;
  static D zero_d() { return _mm256_setzero_pd(); }
  static D widen(const float* p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
  static D widen_f16(const uint16_t* p) {
    return _mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static D widen_bf16(const uint16_t* p) {
    const __m128i words = _mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
    return _mm256_cvtps_pd(_mm_castsi128_ps(_mm_slli_epi32(words, 16)));
  }
  static D set_d(double x) { return _mm256_set1_pd(x); }
  static D load_d(const double* p) { return _mm256_loadu_pd(p); }
  static void store_d(double* p, D a) { _mm256_storeu_pd(p, a); }
  static D add(D a, D b) { return _mm256_add_pd(a, b); }
  static D sub(D a, D b) { return _mm256_sub_pd(a, b); }
  static D mul(D a, D b) { return _mm256_mul_pd(a, b); }
  static D fma(D a, D b, D c) { return _mm256_fmadd_pd(a, b, c); }
  static D abs(D a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
  static double sum(D a) {
    const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
  }

  static EMBEDLANE_INLINE void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
  }
  static EMBEDLANE_INLINE void prefetch_far(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
  }

  static constexpr int kRows = 2;
  static constexpr int kTileB = 3;
  static void sums(const D (&v)[kTileB], double* out) {
    for (int j = 0; j < kTileB; j++) out[j] = sum(v[j]);
  }
};

struct H {
  static constexpr int kCount = 8;
  static void from_f16(const uint16_t* p, float* out) {
    _mm256_storeu_ps(out, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  static void to_f16(const float* p, uint16_t* out) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                     _mm256_cvtps_ph(_mm256_loadu_ps(p), _MM_FROUND_TO_NEAREST_INT));
  }
  static uint32_t positive(const float* p) {
    return uint32_t(_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(p), _mm256_setzero_ps(), _CMP_GT_OQ)));
  }
};

struct I {
  using B = __m256i;
  using S = __m256i;
  static constexpr size_t kBytes = 32;
  static constexpr bool kBiased = false;
  static constexpr int kRows = 4;
  static B load(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static B load_part(const uint8_t* p, size_t n) {
    alignas(32) uint8_t part[32] = {};
    memcpy(part, p, n);
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(part));
  }
  static B zero_bytes() { return _mm256_setzero_si256(); }
  static B bits_and(B a, B b) { return _mm256_and_si256(a, b); }
  static B bits_xor(B a, B b) { return _mm256_xor_si256(a, b); }
  static B flip(B a) { return _mm256_xor_si256(a, _mm256_set1_epi8(char(0x80))); }
  static B distance_u8(B a, B b) { return _mm256_or_si256(_mm256_subs_epu8(a, b), _mm256_subs_epu8(b, a)); }

  static S zero() { return _mm256_setzero_si256(); }
  static S dot_i8(S sum, B a, B b) {
    const __m256i low = _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm256_castsi256_si128(a)),
                                          _mm256_cvtepi8_epi16(_mm256_castsi256_si128(b)));
    const __m256i high = _mm256_madd_epi16(_mm256_cvtepi8_epi16(_mm256_extracti128_si256(a, 1)),
                                           _mm256_cvtepi8_epi16(_mm256_extracti128_si256(b, 1)));
    return _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
  }
  static S dot_u8(S sum, B a, B b) {
    const __m256i low = _mm256_madd_epi16(_mm256_unpacklo_epi8(a, zero()), _mm256_unpacklo_epi8(b, zero()));
    const __m256i high = _mm256_madd_epi16(_mm256_unpackhi_epi8(a, zero()), _mm256_unpackhi_epi8(b, zero()));
    return _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
  }
  static S square_u8(S sum, B a) { return dot_u8(sum, a, a); }
  static S add_u8(S sum, B a) { return _mm256_add_epi64(sum, _mm256_sad_epu8(a, zero())); }
  static S count_bits(S sum, B a) {
    // Mula, Kurz, Lemire, "Faster population counts using AVX2 instructions", 2018.
    const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2,
                                            2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i low = _mm256_shuffle_epi8(counts, _mm256_and_si256(a, nibble));
    const __m256i high = _mm256_shuffle_epi8(counts, _mm256_and_si256(_mm256_srli_epi16(a, 4), nibble));
    return add_u8(sum, _mm256_add_epi8(low, high));
  }
  static int64_t total_products(S sum) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_unpackhi_epi64(half, half));
    return _mm_cvtsi128_si32(_mm_add_epi32(half, _mm_shuffle_epi32(half, 1)));
  }
  static int64_t total_counts(S sum) {
    const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return _mm_cvtsi128_si64(_mm_add_epi64(half, _mm_unpackhi_epi64(half, half)));
  }
};

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

const embedlane::Kernels& embedlane::avx2_kernels() noexcept { return kKernels; }
