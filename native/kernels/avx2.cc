#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

// AVX2 + FMA. Sixteen registers: 6 × 2 accumulators leave room for two panel vectors and one broadcast.
struct V {
  using D = __m256d;
  static constexpr int kD = 4;
  static D zero_d() { return _mm256_setzero_pd(); }
  static D widen(const float* p) { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
  static D add(D a, D b) { return _mm256_add_pd(a, b); }
  static D sub(D a, D b) { return _mm256_sub_pd(a, b); }
  static D mul(D a, D b) { return _mm256_mul_pd(a, b); }
  static D fma(D a, D b, D c) { return _mm256_fmadd_pd(a, b, c); }
  static D abs(D a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
  static double sum(D a) {
    const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
  }

  using F = __m256;
  static constexpr int kF = 8;
  static F zero() { return _mm256_setzero_ps(); }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static F set(float x) { return _mm256_set1_ps(x); }
  static void store(float* p, F a) { _mm256_storeu_ps(p, a); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  static uint32_t passes(F a, F threshold) {
    return uint32_t(_mm256_movemask_ps(_mm256_cmp_ps(a, threshold, _CMP_NLT_UQ)));
  }
  static void transpose(const float* in, size_t in_stride, float* out, size_t out_stride) {
    __m256 r[8], t[8];
    for (int i = 0; i < 4; i++) {
      // Pairs rows i and i + 4 in one register, so that the shuffles below never cross a 128-bit lane.
      const float* low = in + i * in_stride;
      const float* high = in + (i + 4) * in_stride;
      r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
      r[i + 4] =
          _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low + 4)), _mm_loadu_ps(high + 4), 1);
    }
    for (int i = 0; i < 8; i += 4) {
      t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
      t[i + 2] = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
      t[i + 3] = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
    }
    for (int i = 0; i < 8; i += 4) {
      _mm256_storeu_ps(out + (i + 0) * out_stride, _mm256_shuffle_ps(t[i], t[i + 2], 0x44));
      _mm256_storeu_ps(out + (i + 1) * out_stride, _mm256_shuffle_ps(t[i], t[i + 2], 0xee));
      _mm256_storeu_ps(out + (i + 2) * out_stride, _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44));
      _mm256_storeu_ps(out + (i + 3) * out_stride, _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee));
    }
  }

  static EMBEDLANE_INLINE void prefetch(const float* p) {
    _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
  }

  static constexpr int kRows = 2;
  static constexpr int kStep = 2;
  static constexpr int kTiles = 3;
  static constexpr int kPanel = 2;
};

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

const embedlane::Kernels& embedlane::avx2_kernels() { return kKernels; }
