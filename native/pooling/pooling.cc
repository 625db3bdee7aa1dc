#include "pooling.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "../kernels/dispatch.h"
#include "../search/scores.h"

namespace embedlane {
namespace {

bool has(const PoolInput& in, Pooling mode) { return in.modes >> unsigned(mode) & 1; }

}  // namespace

void normalize_row(const Kernels& kernels, float* row, size_t dims) {
  const double norm = std::sqrt(square_of(row_kernels(kernels, Dtype::kF32), row, dims));
  kernels.scale(1 / (norm < 1e-12 ? 1e-12 : norm), dims, row);
}

void pool(const Kernels& kernels, const PoolInput& in, float* out) {
  const size_t dims = in.dims;
  const bool sums_tokens = has(in, Pooling::kMean) || has(in, Pooling::kMeanSqrtLen);
  std::vector<double> sums(sums_tokens ? dims : 0);
  std::vector<double> weighted(has(in, Pooling::kWeightedMean) ? dims : 0);
  std::vector<float> best(has(in, Pooling::kMax) ? dims : 0);
  float* to = out;
  for (size_t b = 0; b < in.batch; b++) {
    const float* tokens = in.hidden + b * in.sequence * dims;
    const uint8_t* mask = in.mask + b * in.sequence;
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(weighted.begin(), weighted.end(), 0.0);
    std::fill(best.begin(), best.end(), -std::numeric_limits<float>::infinity());

    // Weights count positions from the first masked-in token, a prompt that does not count included.
    size_t start = 0;
    while (start < in.sequence && mask[start] == 0) start++;
    size_t skip = in.exclude_leading ? in.exclude_leading[b] : 0;
    size_t first = 0, last = in.sequence, count = 0;
    double weights = 0;
    for (size_t t = start; t < in.sequence; t++) {
      if (mask[t] == 0) continue;
      if (skip > 0) {
        skip--;
        continue;
      }
      if (count++ == 0) first = t;
      last = t;
      const float* token = tokens + t * dims;
      const double weight = double(t - start + 1);
      weights += weight;
      if (!sums.empty()) kernels.accumulate(token, 1, dims, sums.data());
      if (!weighted.empty()) kernels.accumulate(token, weight, dims, weighted.data());
      if (!best.empty()) kernels.maximum(token, dims, best.data());
    }

    float* row = to;
    for (size_t m = 0; m < kPoolingCount; m++) {
      if (!(in.modes >> m & 1)) continue;
      switch (Pooling(m)) {
        case Pooling::kCls:
        case Pooling::kLastToken: {
          // Of an empty row, cls is the first position: what the argmax of an all-zero mask gives.
          const size_t t = Pooling(m) == Pooling::kLastToken ? last : first;
          if (t < in.sequence) {
            std::memcpy(to, tokens + t * dims, dims * sizeof(float));
          } else {
            std::memset(to, 0, dims * sizeof(float));
          }
          break;
        }
        case Pooling::kMax:
          std::memcpy(to, best.data(), dims * sizeof(float));
          break;
        case Pooling::kMean:
          kernels.divide(sums.data(), std::fmax(double(count), 1e-9), dims, to);
          break;
        case Pooling::kMeanSqrtLen:
          kernels.divide(sums.data(), std::sqrt(std::fmax(double(count), 1e-9)), dims, to);
          break;
        case Pooling::kWeightedMean:
          kernels.divide(weighted.data(), std::fmax(weights, 1e-9), dims, to);
          break;
      }
      to += dims;
    }
    if (in.normalize) normalize_row(kernels, row, size_t(to - row));
  }
}

}  // namespace embedlane
