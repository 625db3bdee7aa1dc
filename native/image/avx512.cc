#if defined(__GNUC__) && !defined(__clang__)
// gcc's own intrinsics read deliberately undefined registers (bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "../kernels/compiler.h"

namespace embedlane {
namespace {

struct I {
  using T = __m512i;
  static constexpr int kBytes = 64;
  static T load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static void store(uint8_t* p, T a) { _mm512_storeu_si512(p, a); }
  static T zero() { return _mm512_setzero_si512(); }
  static T set(uint32_t x) { return _mm512_set1_epi32(int32_t(x)); }
  static T add(T a, T b) { return _mm512_add_epi32(a, b); }
  static T madd(T a, T b) { return _mm512_madd_epi16(a, b); }
  template <int n>
  static T shift_left(T a) {
    return _mm512_slli_epi32(a, n);
  }
  template <int n>
  static T shift_right(T a) {
    return _mm512_srai_epi32(a, n);
  }
  static T unpack_low(T a, T b) { return _mm512_unpacklo_epi8(a, b); }
  static T unpack_high(T a, T b) { return _mm512_unpackhi_epi8(a, b); }
  static T pack_signed(T a, T b) { return _mm512_packs_epi32(a, b); }
  static T pack_unsigned(T a, T b) { return _mm512_packus_epi16(a, b); }

  static constexpr int kTaps = 8;
  static T pixels(const uint8_t* p) {
    // Pixel pairs start at bytes 0, 6, 12 and 18: the words that hold them go to their lanes, then each lane
    // sorts its bytes.
    const __m512i words = _mm512_setr_epi32(0, 1, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 4, 5, 0, 0);
    const __m512i order =
        _mm512_setr_epi32(int(0xff03ff00), int(0xff04ff01), int(0xff05ff02), -1, int(0xff05ff02),
                          int(0xff06ff03), int(0xff07ff04), -1, int(0xff03ff00), int(0xff04ff01),
                          int(0xff05ff02), -1, int(0xff05ff02), int(0xff06ff03), int(0xff07ff04), -1);
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(words, _mm512_castsi256_si512(bytes)), order);
  }
  static __m128i sum_lanes(T a) {
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  }
};

}  // namespace
}  // namespace embedlane

#include "madd-inl.h"

const embedlane::ResampleKernels& embedlane::avx512_resample() noexcept { return kResample; }
