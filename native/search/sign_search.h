#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "order.h"
#include "topk.h"

namespace embedlane {

// An approximate search in two steps: the `candidates` rows whose signs differ in the fewest dimensions from
// the query's (exactly, ties by lowest row), then of these the best k by canonical score. It reads a
// thirty-second of the memory of an exact search. What it misses depends on the vectors: signs tell most
// where values are spread evenly around zero. (Binary quantisation with rescoring as in Shakir, Aarsen and
// Lee 2024.)
class SignSearch : public Search {
 public:
  // Every block of `input` has signs; input.candidates is at least 1.
  SignSearch(SearchInput input, Level level);

  size_t units() const override { return signs_->units(); }
  void work() override;
  void finish() override;
  void cancel() override;
  size_t found(size_t query) const override { return results_[query].size(); }
  void copy(size_t query, uint32_t* rows, float* scores) const override {
    copy_keys(results_[query], input_.metric, rows, scores);
  }
  uint64_t scored() const override { return scored_.load(std::memory_order_relaxed); }

 private:
  SearchInput sign_input();
  // The canonical scores of the candidates of some queries, of which each keeps the best k. One pass over the
  // rows for all of them, in the order of memory.
  void rescore(size_t first, size_t queries);
  // Keys of the pairs [pair, end): numbers of places in `rows` and `keys`, of which each query has `found`.
  void score(std::vector<uint32_t>::const_iterator pair, std::vector<uint32_t>::const_iterator end,
             const std::vector<uint32_t>& rows, size_t found, const std::vector<ScoredQuery>& queries,
             std::vector<Key>& keys) const;
  const RowBlock& block_of(uint32_t row) const;

  SearchInput input_;
  const Kernels& kernels_;
  std::vector<uint8_t> query_signs_;
  std::unique_ptr<TopKSearch> signs_;
  std::vector<RowBlock> by_row_;  // the blocks in the order of their rows
  std::vector<std::vector<Key>> results_;
  std::atomic<size_t> threads_{0};
  std::atomic<uint64_t> scored_{0};
};

}  // namespace embedlane
