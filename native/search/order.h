#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

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

// The rows and the scores of candidates.
inline void copy_keys(const std::vector<Key>& keys, Metric metric, uint32_t* rows, float* scores) {
  for (size_t i = 0; i < keys.size(); i++) {
    const float goodness = key_goodness(keys[i]);
    rows[i] = key_row(keys[i]);
    // 0 - goodness, not -goodness: a distance of zero is +0.
    scores[i] = smaller_is_better(metric) ? 0.0f - goodness : goodness;
  }
}

// The key below that of the last row with exactly the score `radius`: candidates within the radius are above.
inline Key key_below(float radius, Metric metric) {
  return make_key(smaller_is_better(metric) ? -radius : radius, UINT32_MAX) - 1;
}

}  // namespace embedlane
