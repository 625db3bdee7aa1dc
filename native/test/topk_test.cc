#include "../search/topk.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include "../pooling/pooling.h"
#include "../threads/thread_pool.h"
#include "runner.h"

namespace embedlane::test {
namespace {

struct Found {
  std::vector<uint32_t> indices;
  std::vector<float> scores;
};

// Sorts every canonical score.
Found by_sorting(const SearchInput& in) {
  Found found;
  std::vector<float> scores(in.corpus_count);
  const Kernels& kernels = scalar_kernels();
  for (size_t q = 0; q < in.query_count; q++) {
    score_matrix(kernels, in.metric, in.queries + q * in.dims, 1, in.corpus, in.corpus_count, in.dims,
                 scores.data());
    std::vector<uint32_t> order(in.corpus_count);
    for (size_t i = 0; i < order.size(); i++) order[i] = uint32_t(i);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t x, uint32_t y) {
      const float a = scores[x], b = scores[y];
      if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
      return smaller_is_better(in.metric) ? a < b : a > b;
    });
    for (size_t i = 0; i < in.k; i++) {
      found.indices.push_back(order[i]);
      found.scores.push_back(scores[order[i]] + 0.0f);
    }
  }
  return found;
}

Found by_search(const SearchInput& in, Level level, size_t threads) {
  TopKSearch search(in, kernels_of(level));
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < threads; i++) helpers.emplace_back([&search] { search.work(); });
  search.work();
  for (std::thread& helper : helpers) helper.join();
  Found found{std::vector<uint32_t>(in.query_count * in.k), std::vector<float>(in.query_count * in.k)};
  search.finish(found.indices.data(), found.scores.data());
  return found;
}

void check_search(const SearchInput& in) {
  const Found wanted = by_sorting(in);
  for (const Level level : levels()) {
    for (const size_t threads : {1, 3}) {
      const Found found = by_search(in, level, threads);
      CHECK_MESSAGE(found.indices == wanted.indices,
                    std::string(level_name(level)) + " finds other rows, dims " + std::to_string(in.dims) +
                        ", k " + std::to_string(in.k));
      for (size_t i = 0; i < found.scores.size(); i++) {
        CHECK(std::memcmp(&found.scores[i], &wanted.scores[i], 4) == 0 ||
              (std::isnan(found.scores[i]) && std::isnan(wanted.scores[i])));
      }
    }
  }
}

TEST(search_equals_sorting) {
  Random random(10);
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
    for (size_t round = 0; round < 120; round++) {
      const size_t dims = round < 100 ? 1 + random.below(60) : 500 + random.below(600);
      const size_t query_count = 1 + random.below(30);
      const size_t corpus_count = 1 + random.below(round % 10 == 0 ? 3000 : 300);
      const size_t k = 1 + random.below(round % 4 == 0 ? corpus_count : std::min<size_t>(corpus_count, 12));
      std::vector<float> queries = random.vector(query_count * dims);
      std::vector<float> corpus = random.vector(corpus_count * dims);
      switch (round % 6) {
        case 1:  // many ties
          for (float& x : corpus) x = std::round(x);
          break;
        case 2:  // near-duplicates of one query
          for (size_t i = 0; i < corpus.size(); i++) corpus[i] = queries[i % dims] + corpus[i] * 1e-6f;
          break;
        case 3:  // NaN, Inf, zero rows, huge and tiny rows
          for (size_t r = 0; r < corpus_count; r++) {
            const float factors[] = {1, 0, NAN, 1e19f, 1e38f, 1e-38f, std::numeric_limits<float>::infinity()};
            for (size_t i = 0; i < dims; i++) corpus[r * dims + i] *= factors[r % 7];
          }
          break;
        default:
          break;
      }
      check_search({queries.data(), query_count, corpus.data(), corpus_count, dims, k, metric});
    }
  }
}

TEST(search_with_several_groups_and_blocks) {
  Random random(11);
  const std::vector<float> queries = random.vector(1100 * 8), corpus = random.vector(5000 * 8);
  check_search({queries.data(), 1100, corpus.data(), 300, 8, 5, Metric::kDot});
  check_search({queries.data(), 7, corpus.data(), 5000, 8, 5000, Metric::kCosine});
}

TEST(search_stops_when_cancelled) {
  Random random(12);
  const std::vector<float> queries = random.vector(50 * 64), corpus = random.vector(4000 * 64);
  TopKSearch search({queries.data(), 50, corpus.data(), 4000, 64, 3, Metric::kDot}, current_kernels());
  search.cancel();
  search.work();
  CHECK(search.cancelled());
}

TEST(pool_runs_every_copy_and_gates_close) {
  std::atomic<int> runs = 0;
  for (int round = 0; round < 200; round++) {
    const auto gate = std::make_shared<Gate>();
    std::atomic<int> inside = 0;
    ThreadPool::instance().submit(
        [gate, &inside, &runs] {
          runs++;
          if (!gate->enter()) return;
          inside++;
          gate->leave();
        },
        4);
    gate->close();
    const int entered = inside;
    CHECK(entered >= 0 && entered <= 4);
  }
  while (runs < 800) std::this_thread::yield();
}

TEST(pooling_is_the_same_on_every_level) {
  Random random(13);
  for (const size_t dims : {1, 3, 16, 17, 100, 384}) {
    const size_t batch = 5, sequence = 11;
    const std::vector<float> hidden = random.vector(batch * sequence * dims);
    std::vector<uint8_t> mask(batch * sequence);
    for (uint8_t& value : mask) value = random.below(3) != 0;
    std::fill_n(mask.begin(), sequence, uint8_t(0));
    const std::vector<uint32_t> exclude = {0, 1, 2, 3, 100};
    for (unsigned modes = 1; modes < 64; modes++) {
      size_t parts = 0;
      for (unsigned m = modes; m != 0; m &= m - 1) parts++;
      std::vector<float> wanted(batch * dims * parts), out(wanted.size());
      const PoolInput input = {hidden.data(), mask.data(), exclude.data(), batch,
                               sequence,      dims,        modes,          modes % 2 == 0};
      pool(scalar_kernels(), input, wanted.data());
      for (const Level level : levels()) {
        pool(kernels_of(level), input, out.data());
        for (size_t i = 0; i < out.size(); i++) {
          CHECK(std::memcmp(&out[i], &wanted[i], 4) == 0 || (std::isnan(out[i]) && std::isnan(wanted[i])));
        }
      }
    }
  }
}

}  // namespace
}  // namespace embedlane::test
