#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "bounds.h"
#include "order.h"

namespace embedlane {

// What to search. The memory stays the caller's and must outlive the search.
struct SearchInput {
  const float* queries;
  size_t query_count;
  const float* corpus;
  size_t corpus_count;  // 1 to 2^32 - 1
  size_t dims;          // at least 1
  size_t k;             // 1 to corpus_count
  Metric metric;
};

// An exact k-nearest-neighbour search that any number of threads may work on together.
//
// A fast float32 filter with a proven error bound (see FilterBounds) passes over every pair of query and row;
// what it cannot rule out gets its canonical float64 score, and these alone decide. So the result does not
// depend on the filter, the number of threads, or which thread took which block.
class TopKSearch {
 public:
  TopKSearch(const SearchInput& input, const Kernels& kernels);

  // Units of work: more threads than this find nothing to do.
  size_t units() const { return items_; }

  // Takes blocks until none is left or the search is cancelled. Call from as many threads as you like.
  // Throws std::bad_alloc.
  void work();

  // Makes every work() return soon (within one tile of queries over one block of rows).
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // Sorts the results. Call once, after every work() has returned and if not cancelled.
  void finish(uint32_t* indices, float* scores);

 private:
  class Worker;

  // What grows with the number of queries. Not the constructor's work: that runs on JavaScript's thread.
  void allocate();

  SearchInput input_;
  const Kernels& kernels_;
  FilterBounds bounds_;
  bool streaming_;     // canonical scores for every pair: too few queries, or too long rows, for tiles to pay
  size_t group_size_;  // queries that are searched together
  size_t block_rows_;  // rows per unit of work
  size_t blocks_;      // units of work per group
  size_t items_;
  std::atomic<size_t> next_item_{0};
  std::atomic<bool> cancelled_{false};
  // Per query, the score half of the best k-th key that any thread has seen.
  std::vector<std::atomic<uint32_t>> thresholds_;
  std::once_flag allocated_;
  std::mutex merge_mutex_;
  std::vector<Key> results_;  // k per query
  std::vector<size_t> counts_;
};

}  // namespace embedlane
