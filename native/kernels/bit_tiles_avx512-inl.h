// What tiles of bits on AVX-512 have in common. Internal linkage, see kernels-inl.h.
#pragma once

#include "tiles_avx512-inl.h"
// Behind what it is made of.
#include "bit_tiles-inl.h"

namespace embedlane {
namespace {

struct BitTotals : IntegerGroups {
  using Total = __m512i;
  static EMBEDLANE_INLINE uint32_t stay(Total total, const int32_t* limits) {
    return _mm512_cmple_epi32_mask(total, _mm512_loadu_si512(limits));
  }
  static EMBEDLANE_INLINE void store(uint32_t* p, Total total) { _mm512_storeu_si512(p, total); }
};

}  // namespace
}  // namespace embedlane
