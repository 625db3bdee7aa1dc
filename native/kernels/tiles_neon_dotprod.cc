#include "tiles_neon-inl.h"

namespace embedlane {
namespace {

// SDOT: four products of signed bytes.
struct I8 {
  using X = int8x16_t;
  using Sum = int32x4_t;
  static constexpr size_t kDepth = 0;
  static constexpr size_t kElements = 4;
  static constexpr bool kBytes = true;
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    int32_t group;
    memcpy(&group, p, sizeof(group));
    return vreinterpretq_s8_s32(vdupq_n_s32(group));
  }
  static EMBEDLANE_INLINE X load(const char* p) { return vld1q_s8(reinterpret_cast<const int8_t*>(p)); }
  static EMBEDLANE_INLINE Sum zero() { return vdupq_n_s32(0); }
  static EMBEDLANE_INLINE Sum start(const int32_t*) { return zero(); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) { return vdotq_s32(sum, x, queries); }
  static EMBEDLANE_INLINE Sum chain(Sum sum, X a, X b) { return step(sum, a, b); }
  static EMBEDLANE_INLINE Sum add(Sum a, Sum b) { return vaddq_s32(a, b); }
  static EMBEDLANE_INLINE F::V value(Sum sum) { return vcvtq_f32_s32(sum); }
  static EMBEDLANE_INLINE Sum square(Sum sum, X x) { return vdotq_s32(sum, x, x); }
};

// UDOT: four products of unsigned bytes.
struct U8 {
  using X = uint8x16_t;
  using Sum = uint32x4_t;
  static constexpr size_t kDepth = 0;
  static constexpr size_t kElements = 4;
  static constexpr bool kBytes = true;
  static EMBEDLANE_INLINE X broadcast(const char* p) { return vreinterpretq_u8_s8(I8::broadcast(p)); }
  static EMBEDLANE_INLINE X load(const char* p) { return vld1q_u8(reinterpret_cast<const uint8_t*>(p)); }
  static EMBEDLANE_INLINE Sum zero() { return vdupq_n_u32(0); }
  static EMBEDLANE_INLINE Sum start(const int32_t*) { return zero(); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) { return vdotq_u32(sum, x, queries); }
  static EMBEDLANE_INLINE Sum chain(Sum sum, X a, X b) { return step(sum, a, b); }
  static EMBEDLANE_INLINE Sum add(Sum a, Sum b) { return vaddq_u32(a, b); }
  static EMBEDLANE_INLINE F::V value(Sum sum) { return vcvtq_f32_u32(sum); }
  static EMBEDLANE_INLINE Sum square(Sum sum, X x) { return vdotq_u32(sum, x, x); }
};

}  // namespace

const Tiles& neon_dotprod_tiles() noexcept {
  static const Tiles tiles = [] {
    Tiles all = neon_tiles();
    all.i8 = kTileSet<I8>;
    all.u8 = kTileSet<U8>;
    return all;
  }();
  return tiles;
}

}  // namespace embedlane
