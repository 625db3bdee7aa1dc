#include "sign_search.h"

#include <algorithm>
#include <functional>

namespace embedlane {

// The second step, which threads share query by query.
class SignSearch::Rescoring : public Job {
 public:
  explicit Rescoring(SignSearch& search) : search_(search), count_(search.input_.query_count) {}
  size_t units() const override { return count_; }
  void work() override {
    while (!search_.cancelled()) {
      const size_t query = next_.fetch_add(1, std::memory_order_relaxed);
      if (query >= count_) return;
      search_.rescore(query);
    }
  }

 private:
  SignSearch& search_;
  size_t count_;
  std::atomic<size_t> next_{0};
};

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
  Rescoring rescoring(*this);
  run_job(rescoring, threads_.load());
}

const RowBlock& SignSearch::block_of(uint32_t row) const {
  const auto after =
      std::upper_bound(by_row_.begin(), by_row_.end(), row,
                       [](uint32_t wanted, const RowBlock& block) { return wanted < block.first_row; });
  return *std::prev(after);
}

void SignSearch::rescore(size_t query) {
  const RowKernels& kernels = row_kernels(kernels_, input_.dtype);
  const size_t bytes = row_bytes(input_.dtype, input_.dims);
  const char* const data = static_cast<const char*>(input_.queries) + query * bytes;
  const ScoredQuery scored = {data, square_of(kernels, data, input_.dims)};
  const size_t count = signs_->found(query);
  std::vector<uint32_t> rows(count);
  std::vector<float> differing(count);
  signs_->copy(query, rows.data(), differing.data());
  // In the order of memory.
  std::sort(rows.begin(), rows.end());
  std::vector<Key>& keys = results_[query];
  const Key floor = input_.radius ? key_below(*input_.radius, input_.metric) : 0;
  for (const uint32_t row : rows) {
    const RowBlock& block = block_of(row);
    const ScoredRows one = {static_cast<const char*>(block.rows) + (row - block.first_row) * block.stride,
                            block.stride, 1};
    double scratch[2];
    sum_rows(kernels, input_.metric, input_.dims, scored, one, scratch);
    const float score = score_of(input_.metric, scored, one, scratch, 0);
    const Key key = make_key(smaller_is_better(input_.metric) ? -score : score, row);
    if (key > floor) keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end(), std::greater<>());
  if (keys.size() > input_.k) keys.resize(input_.k);
  scored_.fetch_add(count, std::memory_order_relaxed);
}

}  // namespace embedlane
