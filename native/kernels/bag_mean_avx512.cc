#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

struct W {
  using F = __m512;
  static constexpr int kF = 16;
  static F zero() { return _mm512_setzero_ps(); }
  static F set(float x) { return _mm512_set1_ps(x); }
  static F load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, F a) { _mm512_storeu_ps(p, a); }
  static F add(F a, F b) { return _mm512_add_ps(a, b); }
  static F div(F a, F b) { return _mm512_div_ps(a, b); }
  static EMBEDLANE_INLINE void prefetch(const float* p) {
    _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
  }
  static constexpr int kBlock = 16;
};

}  // namespace
}  // namespace embedlane

#include "bag_mean-inl.h"

void embedlane::bag_mean_avx512(const float* table, size_t stride, const uint32_t* ids, size_t count,
                                size_t readable, size_t dims, float* out) {
  mean_rows(table, stride, ids, count, readable, dims, out);
}
