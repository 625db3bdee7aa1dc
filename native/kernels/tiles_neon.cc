#include "tiles_neon-inl.h"
// Behind what it is made of.
#include "bit_tiles-inl.h"

namespace embedlane {
namespace {

// Counts in bytes, eight bits at most in each group's.
struct Bits {
  using X = uint8x16_t;
  using Sum = uint8x16_t;
  using Total = uint32x4_t;
  static constexpr size_t kDepth = 30;
  static constexpr int kRows = F::kRows;
  static constexpr size_t kLeastQueries = 3;
  static EMBEDLANE_INLINE X broadcast(const char* p) {
    uint32_t group;
    memcpy(&group, p, sizeof(group));
    return vreinterpretq_u8_u32(vdupq_n_u32(group));
  }
  static EMBEDLANE_INLINE X load(const char* p) { return vld1q_u8(reinterpret_cast<const uint8_t*>(p)); }
  static EMBEDLANE_INLINE Sum zero() { return vdupq_n_u8(0); }
  static EMBEDLANE_INLINE Sum step(Sum sum, X x, X queries) {
    return vaddq_u8(sum, vcntq_u8(veorq_u8(x, queries)));
  }
  static EMBEDLANE_INLINE Total total(Sum sum) { return vpaddlq_u16(vpaddlq_u8(sum)); }
  static EMBEDLANE_INLINE Total add(Total a, Total b) { return vaddq_u32(a, b); }
  static EMBEDLANE_INLINE uint32_t stay(Total total, const int32_t* limits) {
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vld1q_u32(bits), vcleq_s32(vreinterpretq_s32_u32(total), vld1q_s32(limits))));
  }
  static EMBEDLANE_INLINE void store(uint32_t* p, Total total) { vst1q_u32(p, total); }
};

}  // namespace

const Tiles& neon_tiles() noexcept {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>, kNoTiles,
                                   kNoTiles,  kNoTiles, nullptr,       kBitTileSet<Bits>,
                                   nullptr,   nullptr,  {nullptr, 0},  read_all};
  return kTiles;
}

}  // namespace embedlane
