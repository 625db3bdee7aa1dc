#pragma once

#include <cstddef>
#include <cstdint>

#include "../kernels/kernels.h"

namespace embedlane {

// In the order in which several modes are concatenated; the order of POOLING_MODES in the binding.
enum class Pooling { kCls, kMax, kMean, kMeanSqrtLen, kWeightedMean, kLastToken };
constexpr size_t kPoolingCount = 6;

struct PoolInput {
  const float* hidden;              // [batch][sequence][dims]
  const uint8_t* mask;              // [batch][sequence], non-zero: the token counts
  const uint32_t* exclude_leading;  // [batch], or null: how many of the first counting tokens do not count
  size_t batch, sequence, dims;
  unsigned modes;  // bit set of Pooling
  bool normalize;
};

// Sentence vectors from token vectors, as sentence-transformers' Pooling module defines them (followed by
// Normalize). out: [batch][dims × number of modes].
//
// Sums run in float64, per dimension, over tokens in order, so every level gives the same bits. A row without
// any counting token gives what it gives there: cls the token at the first position; lasttoken, mean,
// mean_sqrt_len and weightedmean 0; max -Inf (and NaN once normalised).
void pool(const Kernels& kernels, const PoolInput& input, float* out);

// Divides a row by max(‖row‖, 1e-12), in place.
void normalize_row(const Kernels& kernels, float* row, size_t dims);

}  // namespace embedlane
