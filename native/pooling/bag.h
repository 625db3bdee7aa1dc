#pragma once

#include <cstddef>
#include <cstdint>

#include "../kernels/bag_mean.h"
#include "../kernels/kernels.h"

namespace embedlane {

struct BagInput {
  const float* table;  // [rows][dims]
  size_t dims;
  const uint32_t* ids;   // rows of the table, bag after bag
  const uint32_t* ends;  // where each bag ends in `ids`
  size_t bags;
  bool normalize;  // the whole mean, before it is cut
  size_t kept;     // leading values of each mean that are wanted, at most dims
  bool normalize_kept;
};

// The mean of each bag's rows, as torch's EmbeddingBag has it; zeros for an empty bag. out: [bags][kept].
//
// Sums run in float32 over rows in order, as they do there, so every level gives the same bits.
void bag_means(const Kernels& kernels, BagMean mean_of, const BagInput& input, float* out);

}  // namespace embedlane
