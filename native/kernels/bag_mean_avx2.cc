#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

struct W {
  using F = __m256;
  static constexpr int kF = 8;
  static F zero() { return _mm256_setzero_ps(); }
  static F set(float x) { return _mm256_set1_ps(x); }
  static F load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, F a) { _mm256_storeu_ps(p, a); }
  static F add(F a, F b) { return _mm256_add_ps(a, b); }
  static F div(F a, F b) { return _mm256_div_ps(a, b); }
  static EMBEDLANE_INLINE void prefetch(const float* p) {
    _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
  }
  static constexpr int kBlock = 8;
};

}  // namespace
}  // namespace embedlane

#include "bag_mean-inl.h"

void embedlane::bag_mean_avx2(const float* table, size_t stride, const uint32_t* ids, size_t count,
                              size_t readable, size_t dims, float* out) {
  mean_rows(table, stride, ids, count, readable, dims, out);
}
