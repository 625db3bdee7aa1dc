#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "scores.h"

namespace embedlane {

// A candidate as one integer, so that "better" is one comparison: the goodness (score, or negated distance)
// in the high half, mapped so that integers order like floats, and the complement of the row in the low
// half, so that among equals the lowest row is the greatest key. NaN maps below every number. +0 and -0 are
// one value. 0 is below every key.
using Key = uint64_t;

inline bool smaller_is_better(Metric metric) { return metric != Metric::kCosine && metric != Metric::kDot; }

inline Key make_key(float goodness, uint32_t row) {
  uint32_t high = 0;
  if (!std::isnan(goodness)) {
    const uint32_t bits = std::bit_cast<uint32_t>(goodness + 0.0f);  // -0 + 0 = +0
    high = bits >> 31 ? ~bits : bits | 0x80000000u;
  }
  return Key(high) << 32 | uint32_t(~row);
}

inline uint32_t key_row(Key key) { return ~uint32_t(key); }

// NaN for the NaN key.
inline float ordered_goodness(uint32_t high) {
  if (high == 0) return NAN;
  return std::bit_cast<float>(high >> 31 ? high & 0x7fffffffu : ~high);
}

inline float key_goodness(Key key) { return ordered_goodness(uint32_t(key >> 32)); }

}  // namespace embedlane
