#include "sign_search.h"

#include <algorithm>
#include <functional>

#include "prefetch.h"

namespace embedlane {

namespace {

// Candidates that are scored together, over all queries.
constexpr size_t kMaxPairs = size_t(1) << 20;
// About so many of them are near each other in memory.
constexpr size_t kRangePairs = 64;
constexpr size_t kMaxRanges = 4096;

// A loop that threads share.
template <class Step>
class Loop : public Job {
 public:
  Loop(const Search& search, size_t count, Step step) : search_(search), count_(count), step_(step) {}
  size_t units() const override { return count_; }
  void work() override {
    while (!search_.cancelled()) {
      const size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= count_) return;
      step_(i);
    }
  }

 private:
  const Search& search_;
  size_t count_;
  Step step_;
  std::atomic<size_t> next_{0};
};

}  // namespace

SignSearch::SignSearch(SearchInput input, Level level)
    : input_(std::move(input)),
      kernels_(kernels_of(level)),
      signs_(std::make_unique<TopKSearch>(sign_input(), level)),
      by_row_(input_.blocks) {
  std::sort(by_row_.begin(), by_row_.end(),
            [](const RowBlock& a, const RowBlock& b) { return a.first_row < b.first_row; });
}

SearchInput SignSearch::sign_input() {
  const size_t bytes = row_bytes(Dtype::kB1, input_.dims);
  query_signs_.resize(input_.query_count * bytes);
  const float* const queries = static_cast<const float*>(input_.queries);
  for (size_t q = 0; q < input_.query_count; q++) {
    kernels_.conversions.pack_bits(queries + q * input_.dims, input_.dims, 0,
                                   query_signs_.data() + q * bytes);
  }
  SearchInput signs;
  signs.dtype = Dtype::kB1;
  signs.metric = Metric::kL1;
  signs.dims = input_.dims;
  signs.queries = query_signs_.data();
  signs.query_count = input_.query_count;
  signs.k = input_.candidates;
  signs.allowed = input_.allowed;
  for (const RowBlock& block : input_.blocks) {
    RowBlock rows;
    rows.rows = block.signs;
    rows.stride = block.sign_stride;
    rows.count = block.count;
    rows.first_row = block.first_row;
    signs.blocks.push_back(rows);
  }
  return signs;
}

void SignSearch::work() {
  threads_.fetch_add(1, std::memory_order_relaxed);
  signs_->work();
}

void SignSearch::cancel() {
  Job::cancel();
  signs_->cancel();
}

void SignSearch::finish() {
  signs_->finish();
  results_.resize(input_.query_count);
  if (by_row_.empty()) return;
  // Of every query the same number: all rows, if there are not more of them.
  const size_t found = std::max<size_t>(signs_->found(0), 1);
  const size_t most = std::max<size_t>(kMaxPairs / found, 1);
  for (size_t first = 0; first < input_.query_count && !cancelled(); first += most) {
    rescore(first, std::min(most, input_.query_count - first));
  }
}

const RowBlock& SignSearch::block_of(uint32_t row) const {
  const auto after =
      std::upper_bound(by_row_.begin(), by_row_.end(), row,
                       [](uint32_t wanted, const RowBlock& block) { return wanted < block.first_row; });
  return *std::prev(after);
}

void SignSearch::rescore(size_t first, size_t queries) {
  const size_t found = signs_->found(first);
  if (found == 0) return;
  std::vector<uint32_t> rows(queries * found);
  std::vector<float> differing(found);
  for (size_t q = 0; q < queries; q++) signs_->copy(first + q, rows.data() + q * found, differing.data());
  const size_t end = size_t(by_row_.back().first_row) + by_row_.back().count;
  const size_t ranges = std::clamp<size_t>(rows.size() / kRangePairs, 1, std::min(kMaxRanges, end));
  const auto range_of = [=](uint32_t row) { return size_t(uint64_t(row) * ranges / end); };
  std::vector<uint32_t> starts(ranges + 1), pairs(rows.size());
  for (const uint32_t row : rows) starts[range_of(row) + 1]++;
  for (size_t r = 0; r < ranges; r++) starts[r + 1] += starts[r];
  std::vector<uint32_t> at(starts.begin(), starts.end() - 1);
  for (size_t pair = 0; pair < rows.size(); pair++) pairs[at[range_of(rows[pair])]++] = uint32_t(pair);

  const RowKernels& kernels = row_kernels(kernels_, input_.dtype);
  const size_t bytes = row_bytes(input_.dtype, input_.dims);
  std::vector<ScoredQuery> scored(queries);
  for (size_t q = 0; q < queries; q++) {
    const char* const data = static_cast<const char*>(input_.queries) + (first + q) * bytes;
    scored[q] = {data, square_of(kernels, data, input_.dims)};
  }
  std::vector<Key> keys(rows.size());
  Loop scoring(*this, ranges, [&](size_t range) {
    const auto begin = pairs.begin() + starts[range], end = pairs.begin() + starts[range + 1];
    std::sort(begin, end, [&](uint32_t a, uint32_t b) { return rows[a] < rows[b]; });
    score(begin, end, rows, found, scored, keys);
  });
  run_job(scoring, threads_.load());
  Loop selecting(*this, queries, [&](size_t q) {
    const Key floor = input_.radius ? key_below(*input_.radius, input_.metric) : 0;
    std::vector<Key>& best = results_[first + q];
    for (size_t i = q * found; i < (q + 1) * found; i++) {
      if (keys[i] > floor) best.push_back(keys[i]);
    }
    const size_t kept = std::min(input_.k, best.size());
    std::partial_sort(best.begin(), best.begin() + ptrdiff_t(kept), best.end(), std::greater<>());
    best.resize(kept);
  });
  run_job(selecting, threads_.load());
  scored_.fetch_add(rows.size(), std::memory_order_relaxed);
}

void SignSearch::score(std::vector<uint32_t>::const_iterator pair, std::vector<uint32_t>::const_iterator end,
                       const std::vector<uint32_t>& rows, size_t found,
                       const std::vector<ScoredQuery>& queries, std::vector<Key>& keys) const {
  constexpr ptrdiff_t kAhead = 4;
  const RowKernels& kernels = row_kernels(kernels_, input_.dtype);
  const auto row_of = [&](uint32_t row) {
    const RowBlock& block = block_of(row);
    return ScoredRows{static_cast<const char*>(block.rows) + (row - block.first_row) * block.stride,
                      block.stride, 1};
  };
  const size_t bytes = row_bytes(input_.dtype, input_.dims);
  for (ptrdiff_t i = 0; i < std::min(kAhead, end - pair); i++) {
    prefetch_lines(row_of(rows[pair[i]]).data, bytes);
  }
  for (; pair != end; ++pair) {
    if (end - pair > kAhead) prefetch_lines(row_of(rows[pair[kAhead]]).data, bytes);
    const uint32_t row = rows[*pair];
    const ScoredRows one = row_of(row);
    const ScoredQuery& query = queries[*pair / found];
    double scratch[2];
    sum_rows(kernels, input_.metric, input_.dims, query, one, scratch, scratch + 1);
    const float score = score_of(input_.metric, query, one, scratch, 0);
    keys[*pair] = make_key(smaller_is_better(input_.metric) ? -score : score, row);
  }
}

}  // namespace embedlane
