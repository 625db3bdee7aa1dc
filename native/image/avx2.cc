#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "../kernels/compiler.h"

namespace embedlane {
namespace {

struct I {
  using T = __m256i;
  static constexpr int kBytes = 32;
  static T load(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static void store(uint8_t* p, T a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a); }
  static T zero() { return _mm256_setzero_si256(); }
  static T set(uint32_t x) { return _mm256_set1_epi32(int32_t(x)); }
  static T add(T a, T b) { return _mm256_add_epi32(a, b); }
  static T madd(T a, T b) { return _mm256_madd_epi16(a, b); }
  template <int n>
  static T shift_left(T a) {
    return _mm256_slli_epi32(a, n);
  }
  template <int n>
  static T shift_right(T a) {
    return _mm256_srai_epi32(a, n);
  }
  static T unpack_low(T a, T b) { return _mm256_unpacklo_epi8(a, b); }
  static T unpack_high(T a, T b) { return _mm256_unpackhi_epi8(a, b); }
  static T pack_signed(T a, T b) { return _mm256_packs_epi32(a, b); }
  static T pack_unsigned(T a, T b) { return _mm256_packus_epi16(a, b); }

  static constexpr int kTaps = 4;
  static T pixels(const uint8_t* p) {
    const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m256i order = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1,  //
                                           6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(sixteen), order);
  }
  static __m128i sum_lanes(T a) {
    return _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  }
};

}  // namespace
}  // namespace embedlane

#include "madd-inl.h"

const embedlane::ResampleKernels& embedlane::avx2_resample() noexcept { return kResample; }
