// Searches of floats that workers encode as 8-bit codes on their way.
#include <cmath>
#include <cstring>
#include <string>

#include "topk_oracle.h"

namespace embedlane::test {
namespace {

double norm_of(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

TEST(codes_err_by_no_more_than_they_say) {
  Random random(31);
  for (const Level level : levels()) {
    const EncodeRow encode = tiles_of(level).encode;
    if (!encode) continue;
    for (const size_t dims : {1, 3, 16, 63, 64, 65, 384, 1000, 4097, 16384}) {
      for (const float size : {1.0f, 1e-29f, 1e-18f, 3e-9f, 1e9f, 1e17f}) {
        for (size_t round = 0; round < 6; round++) {
          std::vector<float> x = random.vector(dims, size);
          if (round == 1) x[random.below(dims)] *= 1000;  // an outlier: the others' codes are coarse
          if (round == 2) std::fill(x.begin(), x.end(), x[0]);
          if (round == 3) x[0] = -1e-38f;
          std::vector<int8_t> codes(dims);
          float scale, error, norm;
          encode(x.data(), dims, codes.data(), &scale, &error, &norm);
          std::vector<double> wide(x.begin(), x.end()), left = wide;
          for (size_t i = 0; i < dims; i++) left[i] -= double(scale) * codes[i];
          const double true_norm = norm_of(wide), true_error = norm_of(left);
          if (true_norm < 1e-12 || true_norm > 1e18) continue;
          CHECK_MESSAGE(double(error) >= true_error,
                        std::string(level_name(level)) + " understates an error");
          CHECK(double(error) <= true_error * 1.001 + 1e-16);
          CHECK(true_error <= 0.51 * double(scale) * std::sqrt(double(dims)));
          CHECK(std::fabs(double(norm) - true_norm) <= true_norm * 1e-5);
        }
      }
    }
  }
}

TEST(rows_of_anything_get_codes_of_something) {
  for (const Level level : levels()) {
    const EncodeRow encode = tiles_of(level).encode;
    if (!encode) continue;
    for (const float value : {0.0f, NAN, INFINITY, -INFINITY, 3e38f, 1e-45f}) {
      for (const size_t at : {0, 40, 69}) {
        std::vector<float> x(70, at == 40 ? 1.0f : value);
        x[at] = value;
        std::vector<int8_t> codes(70, 1);
        float scale = -1, error = -1, norm = -1;
        encode(x.data(), 70, codes.data(), &scale, &error, &norm);
        // What makes the filter pass such a row: see FilterBounds::rows().
        const bool rules_out = norm >= 1e-12f && norm <= 1e18f;
        CHECK(!rules_out || (at == 40 && std::fabs(value) <= 1));
        CHECK(scale > 0);
      }
    }
  }
}

std::vector<char> as_halves(Dtype dtype, const std::vector<float>& values) {
  const Conversions& conversions = current_kernels().conversions;
  std::vector<uint16_t> halves(values.size());
  (dtype == Dtype::kF16 ? conversions.to_f16 : conversions.to_bf16)(values.data(), values.size(),
                                                                    halves.data());
  std::vector<char> bytes(halves.size() * 2);
  std::memcpy(bytes.data(), halves.data(), bytes.size());
  return bytes;
}

std::vector<char> elements(Dtype dtype, const std::vector<float>& values) {
  return dtype == Dtype::kF32 ? as_bytes(values) : as_halves(dtype, values);
}

TEST(search_that_encodes_equals_sorting) {
  Random random(32);
  size_t round = 0;
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBf16}) {
    for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
      for (size_t kind = 0; kind < 6; kind++, round++) {
        if (dtype != Dtype::kF32 && round % 5 > 1) continue;
        const size_t dims = 64 + random.below(40), rows = 2048 + random.below(1000);
        // With 33 and more, several panels; with 600, several groups.
        const size_t query_count = round == 0 ? 600 : 64 + random.below(30);
        const std::vector<float> queries = random.vector(query_count * dims);
        std::vector<float> corpus = random.vector(rows * dims);
        for (size_t i = 0; i < corpus.size(); i++) {
          if (kind == 1) corpus[i] = std::round(corpus[i]);                  // many ties
          if (kind == 2) corpus[i] = queries[i % dims] + corpus[i] * 1e-4f;  // near-duplicates of one
          if (kind == 3 && i % dims == 5) corpus[i] *= 300;                  // one large element
        }
        if (kind == 4) make_extreme(corpus, dims);
        const Corpus split(random, dtype, elements(dtype, corpus), dims, 1 + round % 3);
        const std::vector<char> given = elements(dtype, queries);
        InputBuilder in(dtype, given, dims, 1 + random.below(5), metric);
        in.blocks(split.blocks);
        const std::vector<uint64_t> allowed = bitmap(random, rows, 1 + round % 3);
        if (kind == 5) in.allowed(allowed);
        if (round % 4 == 3) in.within_radius();
        for (const Level level : levels())
          CHECK(TopKSearch(in, level).encodes() == (tiles_of(level).encode != nullptr));
        check_search(in);
      }
    }
  }
}

TEST(codes_made_on_the_way_spare_most_scores) {
  Random random(33);
  const size_t dims = 128, rows = 20000, query_count = 40;
  const std::vector<float> corpus = random.vector(rows * dims), queries = random.vector(query_count * dims);
  InputBuilder in(queries, dims, 10);
  in.rows(corpus);
  for (const Level level : levels()) {
    TopKSearch search(in, level);
    run_job(search, 1);
    CHECK(search.scored() < query_count * rows / 20);
  }
}

// Codes tell few of these rows from another, and floats nearly all.
TEST(codes_give_way_to_floats) {
  Random random(34);
  const size_t dims = 256, rows = 9000, query_count = 17;
  const std::vector<float> queries = random.vector(query_count * dims);
  std::vector<float> corpus = random.vector(rows * dims);
  for (size_t i = 0; i < corpus.size() * 3 / 4; i++) corpus[i] = queries[i % dims] + corpus[i] * 3e-2f;
  for (const Metric metric : {Metric::kCosine, Metric::kL2}) {
    InputBuilder in(queries, dims, 3, metric);
    in.rows(corpus);
    check_search(in);
    for (const Level level : levels()) {
      TopKSearch search(in, level);
      run_job(search, 1);
      CHECK(search.scored() < query_count * rows / 3);
    }
  }
}

}  // namespace
}  // namespace embedlane::test
