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
  template <class X>
  static void keep(const X&) {}
  static void prefetch(const char*) {}
};

}  // namespace
}  // namespace embedlane

#include "bit_tiles-inl.h"

namespace embedlane {
namespace {

// Counts in bytes, eight bits at most in each group's.
struct Bits {
  struct X {
    uint32_t v[4];
  };
  using Sum = X;
  using Total = X;
  static constexpr size_t kDepth = 30;
  static constexpr int kRows = 1;
  static constexpr size_t kLeastQueries = 1;
  static X broadcast(const char* p) {
    uint32_t group;
    memcpy(&group, p, sizeof(group));
    return {{group, group, group, group}};
  }
  static X load(const char* p) {
    X x;
    memcpy(x.v, p, sizeof(x.v));
    return x;
  }
  static Sum zero() { return {}; }
  static Sum step(Sum sum, X x, X queries) {
    for (int i = 0; i < F::kLanes; i++) {
      uint32_t bits = x.v[i] ^ queries.v[i];
      bits -= bits >> 1 & 0x55555555;
      bits = (bits & 0x33333333) + (bits >> 2 & 0x33333333);
      sum.v[i] += (bits + (bits >> 4)) & 0x0f0f0f0f;
    }
    return sum;
  }
  static Total total(Sum sum) {
    for (int i = 0; i < F::kLanes; i++) {
      const uint32_t pairs = (sum.v[i] & 0x00ff00ff) + (sum.v[i] >> 8 & 0x00ff00ff);
      sum.v[i] = (pairs & 0xffff) + (pairs >> 16);
    }
    return sum;
  }
  static Total add(Total a, Total b) {
    for (int i = 0; i < F::kLanes; i++) a.v[i] += b.v[i];
    return a;
  }
  static uint32_t stay(Total total, const int32_t* limits) {
    uint32_t mask = 0;
    for (int i = 0; i < F::kLanes; i++) mask |= uint32_t(int32_t(total.v[i]) <= limits[i]) << i;
    return mask;
  }
  static void store(uint32_t* p, Total total) { memcpy(p, total.v, sizeof(total.v)); }
};

}  // namespace

const Tiles& scalar_tiles() noexcept {
  static constexpr Tiles kTiles = {F::kLanes, F::kRows, kTileSet<F32>, kNoTiles,
                                   kNoTiles,  kNoTiles, nullptr,       kBitTileSet<Bits>,
                                   nullptr,   nullptr,  {nullptr, 0},  read_all};
  return kTiles;
}

}  // namespace embedlane
