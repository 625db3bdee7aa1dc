#include "tiles_neon-inl.h"

namespace embedlane {
namespace {

// What SDOT and UDOT, four products of bytes, differ in.
struct Signed {
  using X = int8x16_t;
  using Sum = int32x4_t;
  static EMBEDLANE_INLINE X bytes(uint8x16_t x) { return vreinterpretq_s8_u8(x); }
  static EMBEDLANE_INLINE Sum zero() { return vdupq_n_s32(0); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X a, X b) { return vdotq_s32(sum, a, b); }
  static EMBEDLANE_INLINE Sum add(Sum a, Sum b) { return vaddq_s32(a, b); }
  static EMBEDLANE_INLINE F::V value(Sum sum) { return vcvtq_f32_s32(sum); }
};

struct Unsigned {
  using X = uint8x16_t;
  using Sum = uint32x4_t;
  static EMBEDLANE_INLINE X bytes(uint8x16_t x) { return x; }
  static EMBEDLANE_INLINE Sum zero() { return vdupq_n_u32(0); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X a, X b) { return vdotq_u32(sum, a, b); }
  static EMBEDLANE_INLINE Sum add(Sum a, Sum b) { return vaddq_u32(a, b); }
  static EMBEDLANE_INLINE F::V value(Sum sum) { return vcvtq_f32_u32(sum); }
};

template <class Type>
struct Bytes : Type {
  using typename Type::Sum;
  using typename Type::X;
  static constexpr size_t kDepth = 0;
  static constexpr size_t kElements = 4;
  static constexpr bool kBytes = true;
  static constexpr uint8_t kFlip = 0;
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    uint32_t group;
    memcpy(&group, p, sizeof(group));
    return Type::bytes(vreinterpretq_u8_u32(vdupq_n_u32(group)));
  }
  static EMBEDLANE_INLINE X load(const char* p) {
    return Type::bytes(vld1q_u8(reinterpret_cast<const uint8_t*>(p)));
  }
  static EMBEDLANE_INLINE Sum chain(Sum sum, X a, X b) { return Type::step(sum, a, b); }
  static EMBEDLANE_INLINE Sum square(Sum sum, X x) { return Type::step(sum, x, x); }
};

// Codes of floats, see encode-inl.h.
struct C {
  static EMBEDLANE_INLINE F::V abs(F::V a) { return vabsq_f32(a); }
  static EMBEDLANE_INLINE F::V max(F::V a, F::V b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static EMBEDLANE_INLINE F::V nearest(F::V a) { return vrndnq_f32(a); }
  static EMBEDLANE_INLINE F::V less(F::V a, F::V b, F::V c) { return vfmsq_f32(c, a, b); }
  static EMBEDLANE_INLINE void store(int8_t* p, F::V a) {
    int32_t codes[F::kLanes];
    vst1q_s32(codes, vcvtq_s32_f32(a));
    for (int i = 0; i < F::kLanes; i++) p[i] = int8_t(codes[i]);
  }
};

}  // namespace
}  // namespace embedlane

#include "encode-inl.h"

namespace embedlane {

const Tiles& neon_dotprod_tiles() noexcept {
  static const Tiles tiles = [] {
    Tiles all = neon_tiles();
    all.i8 = kTileSet<Bytes<Signed>>;
    all.u8 = kTileSet<Bytes<Unsigned>>;
    all.encode = encode_row;
    return all;
  }();
  return tiles;
}

}  // namespace embedlane
