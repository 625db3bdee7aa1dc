#include "avx512-inl.h"

namespace embedlane {
namespace {

// VNNI multiplies bytes, one signed with one unsigned, and VPOPCNTDQ counts.
struct I : Avx512Bytes {
  static constexpr bool kBiased = true;
  static S dot_i8(S sum, B q, B x) { return _mm512_dpbusd_epi32(sum, flip(x), q); }
  static S dot_u8(S sum, B q, B x) { return _mm512_dpbusd_epi32(sum, q, flip(x)); }
  static S square_u8(S sum, B a) {
    const __m512i low = _mm512_unpacklo_epi8(a, zero());
    const __m512i high = _mm512_unpackhi_epi8(a, zero());
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, low, low), high, high);
  }
  static S count_bits(S sum, B a) { return _mm512_add_epi64(sum, _mm512_popcnt_epi64(a)); }
};

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

namespace embedlane {

const Kernels& avx512_vnni_kernels() noexcept {
  static const Kernels kernels = with_integers_of(avx512_kernels());
  return kernels;
}

}  // namespace embedlane
