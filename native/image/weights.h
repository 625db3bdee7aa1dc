#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "resample.h"

namespace embedlane {

// Weights have so many bits behind the point (Pillow's PRECISION_BITS: 32 - 8 - 2).
constexpr int kWeightBits = 22;

// What each pixel of a window is made of, in one direction: output i is the sum of counts[i] inputs from
// starts[i] on, times values[i * stride + j].
struct Weights {
  size_t outputs = 0;
  size_t stride = 0;
  std::vector<uint32_t> starts;
  std::vector<uint32_t> counts;  // 0 for what lies outside
  std::vector<int32_t> values;
  // The inputs that have any weight: [begin, end).
  size_t begin = 0, end = 0;
};

// Pillow's precompute_coeffs and normalize_coeffs_8bpc for the part of the axis that the window shows.
Weights resample_weights(const ResizeAxis& axis, Filter filter);

// For every output the input that Pillow's nearest neighbour takes, or -1 outside.
std::vector<int64_t> nearest_inputs(const ResizeAxis& axis);

}  // namespace embedlane
