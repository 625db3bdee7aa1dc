// TopKSearch against sorting every canonical score.
#include <cmath>

#include "topk_oracle.h"

namespace embedlane::test {
namespace {

TEST(search_equals_sorting) {
  Random random(10);
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2, Metric::kL1}) {
    for (size_t round = 0; round < 120; round++) {
      const size_t dims = round < 100 ? 1 + random.below(60) : 500 + random.below(600);
      const size_t query_count = 1 + random.below(40);
      const size_t rows = 1 + random.below(round % 10 == 0 ? 3000 : 300);
      const std::vector<float> queries = random.vector(query_count * dims);
      std::vector<float> corpus = random.vector(rows * dims);
      switch (round % 6) {
        case 1:  // many ties
          for (float& x : corpus) x = std::round(x);
          break;
        case 2:  // near-duplicates of one query
          for (size_t i = 0; i < corpus.size(); i++) corpus[i] = queries[i % dims] + corpus[i] * 1e-6f;
          break;
        case 3:  // NaN, Inf, zero rows, huge and tiny rows
          make_extreme(corpus, dims);
          break;
        default:
          break;
      }
      const Corpus split(random, Dtype::kF32, as_bytes(corpus), dims, 1 + round % 4);
      InputBuilder in(queries, dims, 1 + random.below(round % 4 == 0 ? rows + 5 : 12), metric);
      in.blocks(split.blocks);
      const std::vector<uint64_t> allowed = bitmap(random, rows, round % 4);
      if (round % 3 == 0) in.allowed(allowed);
      if (round % 5 == 0) in.within_radius();
      check_search(in);
    }
  }
}

// Norms that the caller keeps change nothing.
TEST(search_with_given_norms) {
  Random random(14);
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
    const size_t dims = 70, rows = 900;
    const std::vector<float> queries = random.vector(33 * dims), corpus = random.vector(rows * dims);
    std::vector<float> norms(rows);
    for (size_t r = 0; r < rows; r++) {
      norms[r] =
          float(std::sqrt(square_of(row_kernels(scalar_kernels(), Dtype::kF32), &corpus[r * dims], dims)));
    }
    const std::vector<uint64_t> allowed = bitmap(random, rows, 3);
    InputBuilder in(queries, dims, 7, metric);
    in.rows(corpus).blocks()[0].norms = norms.data();
    check_search(in);
    check_search(in.allowed(allowed));
  }
}

// The search of 8-bit codes finds what the plain one finds, whatever is in the rows.
TEST(search_of_codes_equals_the_plain_one) {
  Random random(17);
  for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
    for (size_t round = 0; round < 60; round++) {
      const size_t dims = round < 50 ? 1 + random.below(90) : 384;
      const size_t rows = 1 + random.below(1500), query_count = round % 3 == 0 ? 1 : 1 + random.below(40);
      const std::vector<float> queries = random.vector(query_count * dims);
      std::vector<float> corpus = random.vector(rows * dims);
      if (round % 5 == 1) make_extreme(corpus, dims);
      for (size_t i = 0; i < corpus.size(); i++) {
        float& x = corpus[i];
        if (round % 5 == 2) x = queries[i % dims] + x * 1e-4f;  // near-duplicates: no code tells them apart
        if (round % 5 == 3) x = std::round(x);
      }
      const Corpus split(random, Dtype::kF32, as_bytes(corpus), dims, 1 + round % 3);
      std::vector<std::vector<int8_t>> codes(split.blocks.size());
      std::vector<std::vector<float>> values(split.blocks.size());
      std::vector<Int8Codes> coded(split.blocks.size());
      InputBuilder in(queries, dims, 1 + random.below(15), metric);
      in.blocks(split.blocks);
      const std::vector<uint64_t> allowed = bitmap(random, rows, round % 4);
      if (round % 4 > 1) in.allowed(allowed);
      if (round % 7 == 0) in.within_radius();
      for (size_t b = 0; b < in.blocks().size(); b++) {
        RowBlock& block = in.blocks()[b];
        const size_t stride = dims + b;
        codes[b].resize(block.count * stride);
        values[b].resize(3 * block.count);
        float* const scales = values[b].data();
        float* const errors = scales + block.count;
        float* const norms = errors + block.count;
        make_int8_codes(current_kernels(), block.rows, block.stride, block.count, dims, codes[b].data(),
                        stride, scales, errors, norms);
        coded[b] = {codes[b].data(), stride, scales, errors};
        block.norms = norms;
        block.int8 = &coded[b];
      }
      check_search(in);
    }
  }
}

TEST(codes_spare_most_scores) {
  Random random(18);
  const size_t dims = 128, rows = 20000;
  const std::vector<float> corpus = random.vector(rows * dims);
  std::vector<int8_t> codes(rows * dims);
  std::vector<float> scales(rows), errors(rows), norms(rows);
  make_int8_codes(current_kernels(), corpus.data(), dims * 4, rows, dims, codes.data(), dims, scales.data(),
                  errors.data(), norms.data());
  const Int8Codes coded = {codes.data(), dims, scales.data(), errors.data()};
  for (const size_t query_count : {1, 20}) {
    const std::vector<float> queries = random.vector(query_count * dims);
    InputBuilder in(queries, dims, 10);
    RowBlock& block = in.rows(corpus).blocks()[0];
    block.norms = norms.data();
    block.int8 = &coded;
    for (const Level level : levels()) {
      TopKSearch search(in, level);
      run_job(search, 1);
      // A level without byte tiles scores everything for several queries.
      if (query_count == 1 || tiles_of(level).i8.full[0]) CHECK(search.scored() < query_count * rows / 20);
    }
  }
}

TEST(search_of_every_dtype) {
  Random random(15);
  for (const Dtype dtype : {Dtype::kF16, Dtype::kBf16, Dtype::kI8, Dtype::kU8, Dtype::kB1}) {
    for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2, Metric::kL1}) {
      for (size_t round = 0; round < 24; round++) {
        const size_t dims = 1 + random.below(round < 20 ? 90 : 900);
        const size_t bytes = row_bytes(dtype, dims);
        const size_t query_count = 1 + random.below(40), rows = 1 + random.below(600);
        std::vector<char> queries(query_count * bytes), corpus(rows * bytes);
        for (std::vector<char>* data : {&queries, &corpus}) {
          for (char& byte : *data) byte = char(random.next());
          // Few values, many ties.
          if (round % 3 == 0) {
            for (char& byte : *data) byte &= 0x11;
          }
        }
        const size_t spare = dtype == Dtype::kB1 ? bytes * 8 - dims : 0;
        for (size_t i = bytes - 1; i < corpus.size(); i += bytes)
          corpus[i] = char(corpus[i] & (0xff << spare));
        for (size_t i = bytes - 1; i < queries.size(); i += bytes)
          queries[i] = char(queries[i] & (0xff << spare));
        const Corpus split(random, dtype, corpus, dims, 1 + round % 3);
        const std::vector<uint64_t> allowed = bitmap(random, rows, round % 4);
        InputBuilder in(dtype, queries, dims, 1 + random.below(20), metric);
        in.blocks(split.blocks);
        if (round % 3 == 1) in.allowed(allowed);
        check_search(in);
        if (dtype != Dtype::kI8 || metric == Metric::kL1) continue;
        std::vector<float> scales = random.vector(rows), query_scales = random.vector(query_count);
        for (float& scale : scales) scale = std::fabs(scale);
        for (float& scale : query_scales) scale = std::fabs(scale);
        std::vector<std::unique_ptr<KeptNorms>> norms;
        for (RowBlock& block : in.blocks()) {
          block.scales = scales.data() + block.first_row;
          block.kept_norms = norms.emplace_back(std::make_unique<KeptNorms>(block.count)).get();
        }
        check_search(in.query_scales(query_scales));
      }
    }
  }
}

TEST(search_without_rows_finds_nothing) {
  const std::vector<float> query = {1, 2}, none;
  InputBuilder in(query, 2, 3);
  check_search(in);
  check_search(in.rows(none));
}

}  // namespace
}  // namespace embedlane::test
