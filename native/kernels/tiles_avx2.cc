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

#include "tiles-inl.h"

namespace embedlane {

const Tiles& avx2_tiles() noexcept {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>, kNoTiles,     kNoTiles,
                                   kNoTiles,  nullptr,  nullptr,       {nullptr, 0}, read_all};
  return kTiles;
}

}  // namespace embedlane
