#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "../kernels/kernels.h"
#include "../search/aligned.h"

namespace embedlane {

// The scatter matrix Σ (x - mean)(x - mean)ᵀ over the rows of a matrix, for principal component analysis.
//
// Rows are centred in float64, rounded to float32, and multiplied by the canonical float64 dot products,
// blocks of kBlockRows at a time. Blocks are summed in kParts runs, each in order, and the runs in order: the
// same bits for any number of threads, on every instruction set, and in the TypeScript fallback.
class Covariance {
 public:
  // rows: count × dims; mean: dims; scatter: dims × dims.
  Covariance(const Kernels& kernels, const float* rows, size_t count, size_t dims, const double* mean,
             double* scatter);

  size_t units() const { return parts_; }

  // Takes runs of blocks until none are left or `cancelled`. Throws std::bad_alloc.
  void work(const std::atomic<bool>& cancelled);

  // Call once, after every work() has returned.
  void finish();

 private:
  static constexpr size_t kBlockRows = 512;
  // Each run has a matrix of its own; for wide rows two, so that they stay below about 130 MB.
  static constexpr size_t kParts = 8;
  static constexpr size_t kWide = 1024;

  // Columns that are multiplied by others while they are in the second-level cache: half a megabyte.
  static constexpr size_t kTileRows = 128;
  // Of a column, in doubles: an odd number of cache lines, so that columns do not share a few of the nearest
  // cache's sets.
  static constexpr size_t kStride = kBlockRows + 8;

  // What a thread needs: a block of rows, centred and turned, and products of its columns.
  struct Desk {
    Aligned<double> columns;
    std::vector<double> products;
  };

  void add_block(const float* rows, size_t count, Desk& desk, double* sums) const;

  const Kernels& kernels_;
  const float* rows_;
  size_t count_;
  size_t dims_;
  size_t padded_;  // columns of a block, with what a tile may read beyond
  const double* mean_;
  double* scatter_;
  size_t blocks_;
  size_t parts_;
  std::atomic<size_t> next_{0};
  std::vector<std::vector<double>> sums_;
};

}  // namespace embedlane
