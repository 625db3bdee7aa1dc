#include "bag.h"

#include <cstring>
#include <vector>

#include "pooling.h"

namespace embedlane {

void bag_means(const Kernels& kernels, BagMean mean_of, const BagInput& in, float* out) {
  // What is cut off has to be summed only if the length of the whole counts.
  const size_t dims = in.normalize ? in.dims : in.kept;
  const size_t ids = in.bags > 0 ? in.ends[in.bags - 1] : 0;
  // Where all of it is in the nearest cache: memory of results comes late, and is written once.
  std::vector<float> whole(in.normalize || in.normalize_kept ? dims : 0);
  size_t start = 0;
  for (size_t b = 0; b < in.bags; b++) {
    const size_t end = in.ends[b];
    float* row = out + b * in.kept;
    float* mean = whole.empty() ? row : whole.data();
    mean_of(in.table, in.dims, in.ids + start, end - start, ids - start, dims, mean);
    if (in.normalize) normalize_row(kernels, mean, dims);
    if (in.normalize_kept) normalize_row(kernels, mean, in.kept);
    if (mean != row) std::memcpy(row, mean, in.kept * sizeof(float));
    start = end;
  }
}

}  // namespace embedlane
