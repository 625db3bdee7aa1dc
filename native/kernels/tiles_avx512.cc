#include "bit_tiles_avx512-inl.h"

namespace embedlane {
namespace {

// Counts in bytes, eight bits at most in each group's.
struct Bits : BitTotals {
  static constexpr size_t kDepth = 30;
  static constexpr int kRows = 3;
  static constexpr size_t kLeastQueries = 5;
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) {
    // As in avx2.cc.
    const __m512i table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i nibble = _mm512_set1_epi8(15);
    const __m512i bits = _mm512_xor_si512(x, queries);
    const __m512i low = _mm512_shuffle_epi8(table, _mm512_and_si512(bits, nibble));
    const __m512i high = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(bits, 4), nibble));
    return _mm512_add_epi8(sum, _mm512_add_epi8(low, high));
  }
  static EMBEDLANE_INLINE Total total(Sum sum) {
    return _mm512_madd_epi16(_mm512_maddubs_epi16(sum, _mm512_set1_epi8(1)), _mm512_set1_epi16(1));
  }
};

}  // namespace

const Tiles& avx512_tiles() noexcept {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>, kNoTiles,
                                   kNoTiles,  kNoTiles, nullptr,       kBitTileSet<Bits>,
                                   nullptr,   nullptr,  {nullptr, 0},  read_all};
  return kTiles;
}

}  // namespace embedlane
