// TopKSearch as a job: cut into groups of queries and pieces of rows, done by several threads, cancelled.
#include <algorithm>

#include "topk_oracle.h"

namespace embedlane::test {
namespace {

TEST(search_with_several_groups_and_pieces) {
  Random random(11);
  const std::vector<float> few = random.vector(7 * 8), many = random.vector(1100 * 8);
  const std::vector<float> short_corpus = random.vector(300 * 8), corpus = random.vector(30000 * 8);
  check_search(InputBuilder(many, 8, 5, Metric::kDot).rows(short_corpus));
  check_search(InputBuilder(few, 8, 30000).rows(corpus));
}

// Long rows make many small pieces, of which a thread then takes several at a time.
TEST(search_in_runs_of_pieces) {
  Random random(19);
  const size_t dims = 1024, rows = 6600, query_count = 3;
  const std::vector<float> queries = random.vector(query_count * dims), corpus = random.vector(rows * dims);
  const std::vector<uint64_t> allowed = bitmap(random, rows, 3);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16}) {
    const auto elements = [dtype](const std::vector<float>& values) {
      if (dtype == Dtype::kF32) return as_bytes(values);
      std::vector<char> halves(values.size() * 2);
      scalar_kernels().conversions.to_f16(values.data(), values.size(),
                                          reinterpret_cast<uint16_t*>(halves.data()));
      return halves;
    };
    const std::vector<char> query_data = elements(queries), data = elements(corpus);
    InputBuilder in(dtype, query_data, dims, 20);
    check_search(in.rows(data));
    check_search(in.allowed(allowed));
  }
}

TEST(search_stops_when_cancelled) {
  Random random(12);
  const std::vector<float> queries = random.vector(50 * 64), corpus = random.vector(4000 * 64);
  TopKSearch search(InputBuilder(queries, 64, 3).rows(corpus), current_level());
  search.cancel();
  search.work();
  CHECK(search.cancelled());
  CHECK(search.scored() == 0);
}

TEST(job_runs_on_any_number_of_threads) {
  Random random(16);
  const std::vector<float> queries = random.vector(9 * 16), corpus = random.vector(20000 * 16);
  const SearchInput in = InputBuilder(queries, 16, 4).rows(corpus);
  const std::vector<Found> wanted = by_sorting(in);
  for (const size_t threads : {1, 2, 7, 100}) {
    TopKSearch search(in, current_level());
    run_job(search, threads);
    for (size_t q = 0; q < 9; q++) {
      uint32_t rows[4];
      float scores[4];
      CHECK(search.found(q) == 4);
      search.copy(q, rows, scores);
      CHECK(std::equal(rows, rows + 4, wanted[q].rows.begin()));
    }
  }
}

}  // namespace
}  // namespace embedlane::test
