#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

// AVX2 + FMA. Sixteen registers: 6 × 2 accumulators leave room for two query vectors and one broadcast.
struct F {
  using V = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kRows = 6;
  static EMBEDLANE_INLINE V zero() { return _mm256_setzero_ps(); }
  static EMBEDLANE_INLINE V load(const float* p) { return _mm256_loadu_ps(p); }
  static EMBEDLANE_INLINE void store(float* p, V a) { _mm256_storeu_ps(p, a); }
  static EMBEDLANE_INLINE V set(float x) { return _mm256_set1_ps(x); }
  static EMBEDLANE_INLINE V add(V a, V b) { return _mm256_add_ps(a, b); }
  static EMBEDLANE_INLINE V mul(V a, V b) { return _mm256_mul_ps(a, b); }
  static EMBEDLANE_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static EMBEDLANE_INLINE float sum(V a) {
    __m128 quad = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    quad = _mm_add_ps(quad, _mm_movehl_ps(quad, quad));
    return _mm_cvtss_f32(_mm_add_ss(quad, _mm_movehdup_ps(quad)));
  }
  static EMBEDLANE_INLINE uint32_t passes(V a, V threshold) {
    return uint32_t(_mm256_movemask_ps(_mm256_cmp_ps(a, threshold, _CMP_NLT_UQ)));
  }
  template <class X>
  static EMBEDLANE_INLINE void keep([[maybe_unused]] const X& x) {
#if defined(__GNUC__)
    asm volatile("" : : "x"(x));
#endif
  }
  static EMBEDLANE_INLINE void prefetch(const char* p) { _mm_prefetch(p, _MM_HINT_T0); }
};

}  // namespace
}  // namespace embedlane

#include "bit_tiles-inl.h"

namespace embedlane {
namespace {

// Counts in bytes, eight bits at most in each group's.
struct Bits {
  using X = __m256i;
  using Sum = __m256i;
  using Total = __m256i;
  static constexpr size_t kDepth = 30;
  // 3 × 2 accumulators leave room for two query vectors, the constants and what becomes of a group.
  static constexpr int kRows = 3;
  static constexpr size_t kLeastQueries = 4;
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    int32_t group;
    memcpy(&group, p, sizeof(group));
    return _mm256_set1_epi32(group);
  }
  static EMBEDLANE_INLINE X load(const char* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static EMBEDLANE_INLINE Sum zero() { return _mm256_setzero_si256(); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) {
    // As in avx2.cc.
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2,
                                           2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    const __m256i bits = _mm256_xor_si256(x, queries);
    const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(bits, nibble));
    const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(bits, 4), nibble));
    return _mm256_add_epi8(sum, _mm256_add_epi8(low, high));
  }
  static EMBEDLANE_INLINE Total total(Sum sum) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(sum, _mm256_set1_epi8(1)), _mm256_set1_epi16(1));
  }
  static EMBEDLANE_INLINE Total add(Total a, Total b) { return _mm256_add_epi32(a, b); }
  static EMBEDLANE_INLINE uint32_t stay(Total total, const int32_t* limits) {
    const __m256i limit = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(limits));
    return ~uint32_t(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(total, limit)))) & 0xff;
  }
  static EMBEDLANE_INLINE void store(uint32_t* p, Total total) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), total);
  }
};

}  // namespace

const Tiles& avx2_tiles() noexcept {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>, kNoTiles,
                                   kNoTiles,  kNoTiles, nullptr,       kBitTileSet<Bits>,
                                   nullptr,   nullptr,  {nullptr, 0},  read_all};
  return kTiles;
}

}  // namespace embedlane
