// What tiles of bits on AVX-512 have in common. Internal linkage, see kernels-inl.h.
#pragma once

#include "tiles_avx512-inl.h"
// Behind what it is made of.
#include "bit_tiles-inl.h"

namespace embedlane {
namespace {

struct BitTotals {
  using X = __m512i;
  using Sum = __m512i;
  using Total = __m512i;
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    int32_t group;
    memcpy(&group, p, sizeof(group));
    return _mm512_set1_epi32(group);
  }
  static EMBEDLANE_INLINE X load(const char* p) { return _mm512_loadu_si512(p); }
  static EMBEDLANE_INLINE Sum zero() { return _mm512_setzero_si512(); }
  static EMBEDLANE_INLINE Total add(Total a, Total b) { return _mm512_add_epi32(a, b); }
  static EMBEDLANE_INLINE uint32_t stay(Total total, const int32_t* limits) {
    return _mm512_cmple_epi32_mask(total, _mm512_loadu_si512(limits));
  }
  static EMBEDLANE_INLINE void store(uint32_t* p, Total total) { _mm512_storeu_si512(p, total); }
};

}  // namespace
}  // namespace embedlane
