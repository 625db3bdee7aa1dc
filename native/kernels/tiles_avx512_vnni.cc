#include "bit_tiles_avx512-inl.h"
#include "bits_avx512-inl.h"

namespace embedlane {
namespace {

// Two products of bfloat16 at a time, rounded at most twice: half as many groups per accumulator.
struct Bf16 {
  using X = __m512bh;
  using Sum = __m512;
  static constexpr size_t kDepth = kFilterDepth / 2;
  static constexpr size_t kElements = 2;
  static constexpr bool kBytes = false;
  static constexpr uint8_t kFlip = 0;
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    int32_t group;
    memcpy(&group, p, sizeof(group));
    return (__m512bh)_mm512_set1_epi32(group);
  }
  static EMBEDLANE_INLINE X load(const char* p) { return (__m512bh)_mm512_loadu_si512(p); }
  static EMBEDLANE_INLINE Sum zero() { return F::zero(); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) {
#if defined(__GNUC__)
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(queries));
    return sum;
#else
    return _mm512_dpbf16_ps(sum, x, queries);
#endif
  }
  static EMBEDLANE_INLINE Sum chain(Sum sum, X a, X b) { return step(sum, a, b); }
  static EMBEDLANE_INLINE Sum add(Sum a, Sum b) { return F::add(a, b); }
  static EMBEDLANE_INLINE F::V value(Sum sum) { return sum; }
  static EMBEDLANE_INLINE Sum square(Sum sum, X x) { return _mm512_dpbf16_ps(sum, x, x); }
};

// Four products of bytes, of which the instruction wants one unsigned: here the query's, made so by adding
// 128.
struct I8 : IntegerGroups {
  static constexpr size_t kDepth = 0;
  static constexpr size_t kElements = 4;
  static constexpr bool kBytes = true;
  static constexpr uint8_t kFlip = 0x80;
  static EMBEDLANE_INLINE Sum start(int32_t byte_sum) { return _mm512_set1_epi32(-128 * byte_sum); }
  static EMBEDLANE_INLINE Sum multiply_add(Sum sum, X unsigned_bytes, X signed_bytes) {
#if defined(__GNUC__)
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(unsigned_bytes), "v"(signed_bytes));
    return sum;
#else
    return _mm512_dpbusd_epi32(sum, unsigned_bytes, signed_bytes);
#endif
  }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) { return multiply_add(sum, queries, x); }
  static EMBEDLANE_INLINE Sum chain(Sum sum, X a, X b) { return step(sum, a, b); }
  static EMBEDLANE_INLINE Sum count(Sum sum, X x) { return multiply_add(sum, _mm512_set1_epi8(1), x); }
  static EMBEDLANE_INLINE int32_t total(Sum sum) { return _mm512_reduce_add_epi32(sum); }
  static EMBEDLANE_INLINE F::V value(Sum sum) { return _mm512_cvtepi32_ps(sum); }
  static EMBEDLANE_INLINE Sum square(Sum sum, X x) { return square_of_unsigned(sum, _mm512_abs_epi8(x)); }
  static EMBEDLANE_INLINE Sum square_of_unsigned(Sum sum, X x) {
    const __m512i low = _mm512_unpacklo_epi8(x, zero());
    const __m512i high = _mm512_unpackhi_epi8(x, zero());
    return add(sum, add(_mm512_madd_epi16(low, low), _mm512_madd_epi16(high, high)));
  }
};

// Unsigned bytes: the query's are made signed by subtracting 128.
struct U8 : I8 {
  static EMBEDLANE_INLINE Sum start(int32_t byte_sum) { return _mm512_set1_epi32(128 * byte_sum); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) { return multiply_add(sum, x, queries); }
  static EMBEDLANE_INLINE Sum chain(Sum sum, X a, X b) { return step(sum, a, b); }
  static EMBEDLANE_INLINE Sum count(Sum sum, X x) { return multiply_add(sum, x, _mm512_set1_epi8(1)); }
  static EMBEDLANE_INLINE Sum square(Sum sum, X x) { return square_of_unsigned(sum, x); }
};

struct Bits : BitTotals {
  static constexpr size_t kDepth = 0;
  // As fast as twelve, in less code.
  static constexpr int kRows = 3;
  static constexpr size_t kLeastQueries = 5;
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) {
    return _mm512_add_epi32(sum, _mm512_popcnt_epi32(_mm512_xor_si512(x, queries)));
  }
  static EMBEDLANE_INLINE Total total(Sum sum) { return sum; }
};

// Codes of floats, see encode-inl.h.
struct C {
  static EMBEDLANE_INLINE F::V abs(F::V a) { return _mm512_abs_ps(a); }
  static EMBEDLANE_INLINE F::V max(F::V a, F::V b) { return _mm512_max_ps(a, b); }
  static EMBEDLANE_INLINE F::V nearest(F::V a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static EMBEDLANE_INLINE F::V less(F::V a, F::V b, F::V c) { return _mm512_fnmadd_ps(a, b, c); }
  static EMBEDLANE_INLINE void store(int8_t* p, F::V a) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
  }
};

}  // namespace
}  // namespace embedlane

#include "encode-inl.h"

namespace embedlane {

const Tiles& avx512_vnni_tiles() noexcept {
  static const Tiles tiles = [] {
    Tiles all = avx512_tiles();
    all.bf16 = kTileSet<Bf16>;
    all.i8 = kTileSet<I8>;
    all.u8 = kTileSet<U8>;
    all.encode = encode_row;
    all.bits = kBitTileSet<Bits>;
    all.differing = bit_counts<false>;
    all.common = bit_counts<true>;
    all.bit_work = {count_bits, kCountedBits};
    return all;
  }();
  return tiles;
}

}  // namespace embedlane
