#include "topk_oracle.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

namespace embedlane::test {
namespace {

bool is_allowed(const SearchInput& in, uint32_t row) {
  return !in.allowed || (in.allowed[row / 64] >> row % 64 & 1);
}

}  // namespace

std::vector<Found> by_sorting(const SearchInput& in) {
  const RowKernels& kernels = row_kernels(scalar_kernels(), in.dtype);
  const size_t bytes = row_bytes(in.dtype, in.dims);
  std::vector<Found> all;
  for (size_t q = 0; q < in.query_count; q++) {
    const char* query = static_cast<const char*>(in.queries) + q * bytes;
    const ScoredQuery scored = {query, square_of(kernels, query, in.dims),
                                in.query_scales ? in.query_scales[q] : 1};
    std::vector<std::pair<uint32_t, float>> hits;
    for (const RowBlock& block : in.blocks) {
      for (size_t r = 0; r < block.count; r++) {
        double scratch[2];
        float score;
        score_rows(kernels, in.metric, in.dims, scored,
                   {static_cast<const char*>(block.rows) + r * block.stride, block.stride, 1,
                    block.scales ? block.scales + r : nullptr},
                   scratch, &score);
        const uint32_t row = block.first_row + uint32_t(r);
        if (!is_allowed(in, row)) continue;
        if (in.radius && !(smaller_is_better(in.metric) ? score <= *in.radius : score >= *in.radius))
          continue;
        hits.push_back({row, score});
      }
    }
    std::sort(hits.begin(), hits.end(), [&](const auto& x, const auto& y) {
      const float a = x.second, b = y.second;
      const bool equal = a == b || (std::isnan(a) && std::isnan(b));
      if (equal) return x.first < y.first;
      if (std::isnan(a) || std::isnan(b)) return std::isnan(b);
      return smaller_is_better(in.metric) ? a < b : a > b;
    });
    hits.resize(std::min(in.k, hits.size()));
    Found found;
    for (const auto& [row, score] : hits) {
      found.rows.push_back(row);
      found.scores.push_back(score + 0.0f);
    }
    all.push_back(found);
  }
  return all;
}

void check_search(const SearchInput& in) {
  const std::vector<Found> wanted = by_sorting(in);
  for (const Level level : levels()) {
    for (const size_t threads : {1, 3}) {
      TopKSearch search(in, level);
      std::vector<std::thread> helpers;
      for (size_t i = 1; i < threads; i++) helpers.emplace_back([&search] { search.work(); });
      search.work();
      for (std::thread& helper : helpers) helper.join();
      search.finish();
      for (size_t q = 0; q < in.query_count; q++) {
        Found found{std::vector<uint32_t>(search.found(q)), std::vector<float>(search.found(q))};
        search.copy(q, found.rows.data(), found.scores.data());
        CHECK_MESSAGE(found.rows == wanted[q].rows,
                      std::string(level_name(level)) + " finds other rows, dtype " +
                          std::to_string(int(in.dtype)) + ", dims " + std::to_string(in.dims) + ", k " +
                          std::to_string(in.k));
        if (found.scores.size() != wanted[q].scores.size()) continue;
        for (size_t i = 0; i < found.scores.size(); i++) {
          CHECK(std::memcmp(&found.scores[i], &wanted[q].scores[i], 4) == 0 ||
                (std::isnan(found.scores[i]) && std::isnan(wanted[q].scores[i])));
        }
      }
    }
  }
}

}  // namespace embedlane::test
