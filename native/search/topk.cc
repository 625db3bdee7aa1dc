#include "topk.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <new>

namespace embedlane {
namespace {

// Below, packing rows costs more than the tiles save: memory bandwidth is the limit, and canonical scores
// come at memory speed.
constexpr size_t kFewQueries = 3;
// Longest row for which a panel and a tile of queries stay in cache.
constexpr size_t kMaxTileDims = 16384;
constexpr size_t kMaxGroup = 512;
// Candidates that one thread may hold, over all queries of a group.
constexpr size_t kMaxCandidates = size_t(1) << 21;
// Floats of a block of rows: with a tile of queries it fits a second-level cache.
constexpr size_t kBlockFloats = 96 * 1024;
constexpr size_t kMaxPanels = 128;

size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

struct AlignedDelete {
  void operator()(float* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
using AlignedFloats = std::unique_ptr<float[], AlignedDelete>;

AlignedFloats aligned_floats(size_t count) {
  return AlignedFloats(static_cast<float*>(::operator new[](count * sizeof(float), std::align_val_t{64})));
}

// Keeps the best k of keys[0, count) in front, the k-th itself at k - 1.
void select_best(Key* keys, size_t count, size_t k) {
  if (count > k) std::nth_element(keys, keys + (k - 1), keys + count, std::greater<>());
}

}  // namespace

TopKSearch::TopKSearch(const SearchInput& input, const Kernels& kernels)
    : input_(input),
      kernels_(kernels),
      bounds_(input.metric, input.dims),
      streaming_(input.query_count < kFewQueries || input.dims > kMaxTileDims) {
  const size_t most = std::clamp<size_t>(kMaxCandidates / input.k, kernels.tile_queries, kMaxGroup);
  const size_t groups = (input.query_count + most - 1) / most;
  group_size_ = round_up((input.query_count + groups - 1) / groups, kernels.tile_queries);
  const size_t panels = kBlockFloats / (kernels.tile_rows * input.dims);
  block_rows_ = std::clamp<size_t>(panels, 1, kMaxPanels) * kernels.tile_rows;
  block_rows_ = std::min(block_rows_, round_up(input.corpus_count, kernels.tile_rows));
  blocks_ = (input.corpus_count + block_rows_ - 1) / block_rows_;
  items_ = blocks_ * ((input.query_count + group_size_ - 1) / group_size_);
}

// One thread's state: the candidates of the group of queries it is at, and scratch memory.
class TopKSearch::Worker {
 public:
  explicit Worker(TopKSearch& search)
      : s_(search),
        in_(search.input_),
        kernels_(search.kernels_),
        group_(std::min(search.group_size_, in_.query_count)),
        capacity_(in_.k + in_.k / 8 + 4),
        candidates_(group_ * capacity_),
        counts_(group_),
        kth_(group_),
        squares_(group_) {
    if (s_.streaming_) {
      scratch_.resize(2 * s_.block_rows_);
      scores_.resize(s_.block_rows_);
      return;
    }
    padded_ = round_up(group_, kernels_.tile_step);
    queries_ = aligned_floats(padded_ * in_.dims);
    panels_ = aligned_floats(s_.block_rows_ * in_.dims);
    norms_ = aligned_floats(s_.block_rows_);
    offsets_ = aligned_floats(s_.block_rows_);
    base_.resize(padded_);
    slope_.resize(padded_);
  }

  void run() {
    size_t group = SIZE_MAX;
    for (;;) {
      const size_t item = s_.next_item_.fetch_add(1, std::memory_order_relaxed);
      if (item >= s_.items_ || s_.cancelled()) break;
      if (item / s_.blocks_ != group) {
        if (group != SIZE_MAX) merge();
        group = item / s_.blocks_;
        begin(group * s_.group_size_);
      }
      const size_t row = item % s_.blocks_ * s_.block_rows_;
      const size_t count = std::min(s_.block_rows_, in_.corpus_count - row);
      adopt_thresholds();
      if (s_.streaming_) {
        stream(row, count);
      } else {
        filter(row, count);
      }
    }
    if (group != SIZE_MAX && !s_.cancelled()) merge();
  }

 private:
  const float* query(size_t q) const { return in_.queries + (first_ + q) * in_.dims; }
  const float* row(size_t r) const { return in_.corpus + r * in_.dims; }

  void begin(size_t first) {
    first_ = first;
    group_ = std::min(s_.group_size_, in_.query_count - first);
    for (size_t q = 0; q < group_; q++) {
      squares_[q] = square_of(kernels_, query(q), in_.dims);
      counts_[q] = 0;
      kth_[q] = 0;
      if (!s_.streaming_) set_bounds(q);
    }
    if (!s_.streaming_) pack_queries();
  }

  // Interleaves each tile of queries by depth; a last, partial tile is padded with zeros to a whole step.
  void pack_queries() {
    padded_ = round_up(group_, kernels_.tile_step);
    for (size_t q = 0; q < padded_; q += kernels_.tile_queries) {
      const size_t width = std::min(kernels_.tile_queries, padded_ - q);
      float* tile = queries_.get() + q * in_.dims;
      for (size_t j = 0; j < width; j++) {
        const float* from = q + j < group_ ? query(q + j) : nullptr;
        for (size_t i = 0; i < in_.dims; i++) tile[i * width + j] = from ? from[i] : 0.0f;
      }
    }
  }

  void set_bounds(size_t q) {
    const float kth = kth_[q] == 0 ? NAN : key_goodness(kth_[q]);
    s_.bounds_.query(squares_[q], kth, &base_[q], &slope_[q]);
  }

  // Another thread's k-th best is a bound for this thread too: that many better rows exist.
  void adopt_thresholds() {
    for (size_t q = 0; q < group_; q++) {
      const uint32_t high = s_.thresholds_[first_ + q].load(std::memory_order_relaxed);
      if (high <= uint32_t(kth_[q] >> 32)) continue;
      kth_[q] = Key(high) << 32;
      if (!s_.streaming_) set_bounds(q);
    }
  }

  void push(size_t q, float score, size_t r) {
    const Key key = make_key(smaller_is_better(in_.metric) ? -score : score, uint32_t(r));
    if (key <= kth_[q]) return;
    Key* keys = candidates_.data() + q * capacity_;
    keys[counts_[q]++] = key;
    if (counts_[q] < capacity_) return;
    select_best(keys, counts_[q], in_.k);
    counts_[q] = in_.k;
    if (keys[in_.k - 1] <= kth_[q]) return;
    kth_[q] = keys[in_.k - 1];
    if (!s_.streaming_) set_bounds(q);
    const uint32_t high = uint32_t(kth_[q] >> 32);
    std::atomic<uint32_t>& shared = s_.thresholds_[first_ + q];
    uint32_t seen = shared.load(std::memory_order_relaxed);
    while (seen < high && !shared.compare_exchange_weak(seen, high, std::memory_order_relaxed)) {
    }
  }

  void stream(size_t first_row, size_t count) {
    for (size_t q = 0; q < group_ && !s_.cancelled(); q++) {
      score_rows(kernels_, in_.metric, query(q), squares_[q], row(first_row), count, in_.dims,
                 scratch_.data(), scores_.data());
      for (size_t r = 0; r < count; r++) push(q, scores_[r], first_row + r);
    }
  }

  void filter(size_t first_row, size_t count) {
    const size_t panel_rows = kernels_.tile_rows;
    for (size_t r = 0; r < count; r += panel_rows) {
      kernels_.pack_rows(row(first_row + r), std::min(panel_rows, count - r), in_.dims,
                         panels_.get() + r * in_.dims, norms_.get() + r);
    }
    for (size_t r = 0; r < count; r++) s_.bounds_.row(norms_[r], &norms_[r], &offsets_[r]);
    for (size_t r = count; r < round_up(count, panel_rows); r++) offsets_[r] = 0;
    for (size_t q = 0; q < padded_ && !s_.cancelled(); q += kernels_.tile_queries) {
      const size_t width = std::min(kernels_.tile_queries, padded_ - q);
      for (size_t r = 0; r < count; r += panel_rows) {
        const TileInput tile = {queries_.get() + q * in_.dims,
                                panels_.get() + r * in_.dims,
                                in_.dims,
                                base_.data() + q,
                                slope_.data() + q,
                                norms_.get() + r,
                                offsets_.get() + r};
        uint64_t masks[64];
        if (!kernels_.tiles[width / kernels_.tile_step - 1](tile, masks)) continue;
        const size_t valid = count - r;
        const uint64_t keep = valid < 64 ? (uint64_t(1) << valid) - 1 : ~uint64_t(0);
        for (size_t i = 0; i < std::min(width, group_ - q); i++) {
          if (masks[i] & keep) rescore(q + i, first_row + r, masks[i] & keep);
        }
      }
    }
  }

  void rescore(size_t q, size_t first_row, uint64_t mask) {
    for (; mask != 0; mask &= mask - 1) {
      const size_t r = first_row + size_t(std::countr_zero(mask));
      double scratch[2];
      float score;
      score_rows(kernels_, in_.metric, query(q), squares_[q], row(r), 1, in_.dims, scratch, &score);
      push(q, score, r);
    }
  }

  void merge() {
    std::lock_guard lock(s_.merge_mutex_);
    std::vector<Key> both;
    for (size_t q = 0; q < group_; q++) {
      Key* results = s_.results_.data() + (first_ + q) * in_.k;
      size_t& held = s_.counts_[first_ + q];
      const Key* keys = candidates_.data() + q * capacity_;
      both.assign(results, results + held);
      both.insert(both.end(), keys, keys + counts_[q]);
      select_best(both.data(), both.size(), in_.k);
      held = std::min(both.size(), in_.k);
      std::copy_n(both.begin(), held, results);
    }
  }

  TopKSearch& s_;
  const SearchInput& in_;
  const Kernels& kernels_;
  size_t first_ = 0;  // the group's first query
  size_t group_;      // queries in it
  size_t padded_ = 0;
  size_t capacity_;  // candidates per query
  std::vector<Key> candidates_;
  std::vector<size_t> counts_;
  std::vector<Key> kth_;  // keys up to this one cannot enter any more
  std::vector<double> squares_;
  std::vector<float> base_, slope_;
  AlignedFloats queries_, panels_, norms_, offsets_;
  std::vector<double> scratch_;
  std::vector<float> scores_;
};

void TopKSearch::allocate() {
  thresholds_ = std::vector<std::atomic<uint32_t>>(input_.query_count);
  results_.resize(input_.query_count * input_.k);
  counts_.resize(input_.query_count);
}

void TopKSearch::work() {
  std::call_once(allocated_, [this] { allocate(); });
  Worker(*this).run();
}

void TopKSearch::finish(uint32_t* indices, float* scores) {
  for (size_t q = 0; q < input_.query_count; q++) {
    Key* keys = results_.data() + q * input_.k;
    std::sort(keys, keys + input_.k, std::greater<>());
    for (size_t i = 0; i < input_.k; i++) {
      const float goodness = key_goodness(keys[i]);
      indices[q * input_.k + i] = key_row(keys[i]);
      // 0 - goodness, not -goodness: a distance of zero is +0.
      scores[q * input_.k + i] = smaller_is_better(input_.metric) ? 0.0f - goodness : goodness;
    }
  }
}

}  // namespace embedlane
