#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "compiler.h"

namespace embedlane {
namespace {

// Portable C++: arrays of four floats, which every compiler maps to its baseline vectors.
struct F {
  struct V {
    float v[4];
  };
  static constexpr int kLanes = 4;
  static constexpr int kRows = 3;
  static V zero() { return {}; }
  static V load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static void store(float* p, const V& a) { memcpy(p, a.v, sizeof(a.v)); }
  static V set(float x) { return {{x, x, x, x}}; }
  static V add(V a, V b) {
    for (int i = 0; i < kLanes; i++) a.v[i] += b.v[i];
    return a;
  }
  static V mul(V a, V b) {
    for (int i = 0; i < kLanes; i++) a.v[i] *= b.v[i];
    return a;
  }
  static V fma(V a, V b, V c) {
    for (int i = 0; i < kLanes; i++) c.v[i] += a.v[i] * b.v[i];
    return c;
  }
  static float sum(V a) { return (a.v[0] + a.v[1]) + (a.v[2] + a.v[3]); }
  static uint32_t passes(V a, V threshold) {
    uint32_t mask = 0;
    for (int i = 0; i < kLanes; i++) mask |= uint32_t(!(a.v[i] < threshold.v[i])) << i;
    return mask;
  }
  static void keep(const V&) {}
  static void prefetch(const char*) {}
};

}  // namespace
}  // namespace embedlane

#include "tiles-inl.h"

namespace embedlane {

const Tiles& scalar_tiles() noexcept {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>, kNoTiles,     kNoTiles,
                                   kNoTiles,  nullptr,  nullptr,       {nullptr, 0}, read_all};
  return kTiles;
}

}  // namespace embedlane
