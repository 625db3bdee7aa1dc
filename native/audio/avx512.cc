#if defined(__GNUC__) && !defined(__clang__)
// gcc's own intrinsics read deliberately undefined registers (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>
#include <stddef.h>

#include "frames.h"

namespace embedlane {
namespace {

constexpr size_t kLanes = 8;
constexpr size_t kColumns = 8;

inline __m256 low_halves(__m256 a, __m256 b) { return _mm256_permute2f128_ps(a, b, 0x20); }
inline __m256 high_halves(__m256 a, __m256 b) { return _mm256_permute2f128_ps(a, b, 0x31); }
// Of pairs of values in each half: the first pair of both, the second of both.
inline __m256 first_pairs(__m256 a, __m256 b) { return _mm256_shuffle_ps(a, b, 0x44); }
inline __m256 second_pairs(__m256 a, __m256 b) { return _mm256_shuffle_ps(a, b, 0xee); }

inline void columns(const float* samples, size_t hop, const double* window, double* out) {
  __m256 rows[8], pairs[8], fours[8];
  for (size_t i = 0; i < 8; i++) rows[i] = _mm256_loadu_ps(samples + i * hop);
  for (size_t i = 0; i < 8; i += 2) {
    pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (size_t i = 0; i < 8; i += 4) {
    fours[i] = first_pairs(pairs[i], pairs[i + 2]);
    fours[i + 1] = second_pairs(pairs[i], pairs[i + 2]);
    fours[i + 2] = first_pairs(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = second_pairs(pairs[i + 1], pairs[i + 3]);
  }
  for (size_t t = 0; t < 8; t++) {
    const __m256 eight = t < 4 ? low_halves(fours[t], fours[t + 4]) : high_halves(fours[t - 4], fours[t]);
    _mm512_storeu_pd(out + t * kLanes, _mm512_mul_pd(_mm512_cvtps_pd(eight), _mm512_set1_pd(window[t])));
  }
}

}  // namespace
}  // namespace embedlane

#include "frames-inl.h"

void embedlane::avx512_mel(const MelPlan& plan, const float* samples, size_t hop, double* scratch, float* out,
                           size_t stride, double* most) {
  mel(plan, samples, hop, scratch, out, stride, most);
}
