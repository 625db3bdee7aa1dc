#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "../kernels/dispatch.h"
#include "bounds.h"
#include "known_lows.h"
#include "order.h"
#include "search.h"

namespace embedlane {

// An exact search, for the k nearest or for all rows within a radius, that any number of threads may work on
// together.
//
// A fast filter with a proven error bound (see FilterBounds) passes over every pair of query and row; what it
// cannot rule out gets its canonical score, and these alone decide. So the result does not depend on the
// filter, on how the rows are split into blocks, on the number of threads, or on which thread took what.
class TopKSearch : public Search {
 public:
  TopKSearch(SearchInput input, Level level);

  size_t units() const override { return (items_ + run_ - 1) / run_; }
  // A cancelled search returns within one tile of queries over one piece of rows.
  void work() override;
  // Sorts the results.
  void finish() override;

  size_t found(size_t query) const override { return results_[query].size(); }
  void copy(size_t query, uint32_t* rows, float* scores) const override;
  uint64_t scored() const override { return scored_.load(std::memory_order_relaxed); }
  // Whether workers make 8-bit codes of the rows that they are at, and scan those while they serve.
  bool encodes() const { return encoded_; }

 private:
  class Worker;

  // The filter's tiles for the input, if it pays.
  const TileSet* choose_tile() const;
  const BitTileSet* choose_bit_tile() const;
  // Of so many queries, those that tiles of bits take: a vector of few of them costs more than streaming
  // them.
  size_t bit_tile_queries(size_t queries) const;
  bool all_coded() const;
  bool worth_encoding() const;
  // The counts of bits that the metric is made of, where they can be had fast.
  BitCounts choose_bit_counts() const;
  // What grows with the number of queries. Not the constructor's work: that runs on JavaScript's thread.
  void allocate();

  SearchInput input_;
  const Kernels& all_kernels_;
  const RowKernels& kernels_;
  const Tiles& tiles_;
  FilterBounds bounds_;
  BitCounts bit_counts_;
  size_t query_stride_;
  bool coded_;                  // scans 8-bit codes
  const TileSet* tile_;         // of the filter; null: canonical scores for every pair
  const BitTileSet* bit_tile_;  // counts bits, which is more than a filter: scores follow from them
  bool widened_;                // 16-bit floats are scanned as float32, of which there are tiles
  size_t scan_bytes_;           // of a row that is scanned
  bool encoded_;                // see encodes()
  size_t key_room_;             // candidates that a thread holds of a query; of bits more than k
  size_t group_size_;           // queries that are searched together
  size_t piece_rows_;           // rows per unit of work
  size_t pieces_ = 0;           // units of work per group
  size_t items_;
  size_t run_;                        // units that a thread takes at a time
  std::vector<size_t> piece_starts_;  // per block, its first unit
  std::atomic<size_t> next_item_{0};
  std::atomic<uint64_t> scored_{0};
  // Per query, the score half of the best k-th key that any thread has seen.
  std::vector<std::atomic<uint32_t>> thresholds_;
  std::vector<KnownLows> lows_;  // per query
  std::once_flag allocated_;
  std::mutex merge_mutex_;
  std::vector<std::vector<Key>> results_;  // per query
};

}  // namespace embedlane
