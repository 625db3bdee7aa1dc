#include <immintrin.h>
#include <stddef.h>

#include "frames.h"

namespace embedlane {
namespace {

constexpr size_t kLanes = 4;
constexpr size_t kColumns = 4;

inline void columns(const float* samples, size_t hop, const double* window, double* out) {
  __m128 a = _mm_loadu_ps(samples), b = _mm_loadu_ps(samples + hop);
  __m128 c = _mm_loadu_ps(samples + 2 * hop), d = _mm_loadu_ps(samples + 3 * hop);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  const __m128 rows[] = {a, b, c, d};
  for (size_t t = 0; t < kColumns; t++) {
    _mm256_storeu_pd(out + t * kLanes, _mm256_mul_pd(_mm256_cvtps_pd(rows[t]), _mm256_set1_pd(window[t])));
  }
}

}  // namespace
}  // namespace embedlane

#include "frames-inl.h"

void embedlane::avx2_mel(const MelPlan& plan, const float* samples, size_t hop, double* scratch, float* out,
                         size_t stride, double* most) {
  mel(plan, samples, hop, scratch, out, stride, most);
}
