// TopKSearch against sorting every canonical score.
#include "../search/topk.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <thread>

#include "runner.h"

namespace embedlane::test {
namespace {

struct Found {
  std::vector<uint32_t> rows;
  std::vector<float> scores;
};

bool is_allowed(const SearchInput& in, uint32_t row) {
  return !in.allowed || (in.allowed[row / 64] >> row % 64 & 1);
}

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

// Rows in one piece, cut into blocks of their own memory with padding that no kernel may read past.
struct Corpus {
  Corpus(Random& random, Dtype dtype, const std::vector<char>& rows, size_t dims, size_t block_count) {
    const size_t bytes = row_bytes(dtype, dims);
    const size_t count = rows.size() / bytes;
    for (size_t b = 0, row = 0; b < block_count; b++) {
      const size_t left = count - row;
      const size_t here = b + 1 == block_count ? left : random.below(left + 1);
      const size_t stride = bytes + alignment_of(dtype) * random.below(3);
      // The last row ends with the memory, so that AddressSanitizer sees a step beyond.
      memory.emplace_back(here == 0 ? 0 : (here - 1) * stride + bytes);
      for (size_t r = 0; r < here; r++) {
        std::memcpy(memory.back().data() + r * stride, rows.data() + (row + r) * bytes, bytes);
      }
      blocks.push_back({memory.back().data(), stride, here, uint32_t(row)});
      // Some norms are kept: those that one search has computed, the next ones read.
      if (b % 2 == 0) blocks.back().kept_norms = norms.emplace_back(std::make_unique<KeptNorms>(here)).get();
      row += here;
    }
    std::reverse(blocks.begin(), blocks.end());
  }
  std::vector<std::vector<char>> memory;
  std::vector<std::unique_ptr<KeptNorms>> norms;
  std::vector<RowBlock> blocks;
};

std::vector<char> as_bytes(const std::vector<float>& values) {
  std::vector<char> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<uint64_t> bitmap(Random& random, size_t rows, size_t kind) {
  std::vector<uint64_t> words((rows + 63) / 64);
  for (size_t r = 0; r < rows; r++) {
    const bool set = kind == 0 ? false : kind == 1 ? true : kind == 2 ? r % 2 == 0 : random.below(20) == 0;
    if (set) words[r / 64] |= uint64_t(1) << r % 64;
  }
  return words;
}

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
          for (size_t r = 0; r < rows; r++) {
            const float factors[] = {1, 0, NAN, 1e19f, 1e38f, 1e-38f, std::numeric_limits<float>::infinity()};
            for (size_t i = 0; i < dims; i++) corpus[r * dims + i] *= factors[r % 7];
          }
          break;
        default:
          break;
      }
      const Corpus split(random, Dtype::kF32, as_bytes(corpus), dims, 1 + round % 4);
      SearchInput in;
      in.metric = metric;
      in.dims = dims;
      in.queries = queries.data();
      in.query_count = query_count;
      in.blocks = split.blocks;
      in.k = 1 + random.below(round % 4 == 0 ? rows + 5 : 12);
      const std::vector<uint64_t> allowed = bitmap(random, rows, round % 4);
      if (round % 3 == 0) in.allowed = allowed.data();
      if (round % 5 == 0) in.radius = metric == Metric::kCosine ? 0.1f : metric == Metric::kDot ? 1.0f : 8.0f;
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
    SearchInput in;
    in.metric = metric;
    in.dims = dims;
    in.queries = queries.data();
    in.query_count = 33;
    in.blocks = {{corpus.data(), dims * 4, rows, 0, norms.data(), nullptr}};
    in.k = 7;
    check_search(in);
    in.allowed = allowed.data();
    check_search(in);
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
      for (size_t r = 0; r < rows; r++) {
        const float factors[] = {1, 0, NAN, 1e19f, 1e38f, 1e-38f, std::numeric_limits<float>::infinity()};
        for (size_t i = 0; i < dims; i++) {
          float& x = corpus[r * dims + i];
          if (round % 5 == 1) x *= factors[r % 7];
          if (round % 5 == 2) x = queries[i] + x * 1e-4f;  // near-duplicates: no code tells them apart
          if (round % 5 == 3) x = std::round(x);
        }
      }
      const Corpus split(random, Dtype::kF32, as_bytes(corpus), dims, 1 + round % 3);
      std::vector<std::vector<int8_t>> codes(split.blocks.size());
      std::vector<std::vector<float>> values(split.blocks.size());
      std::vector<Int8Codes> coded(split.blocks.size());
      SearchInput in;
      in.metric = metric;
      in.dims = dims;
      in.queries = queries.data();
      in.query_count = query_count;
      in.blocks = split.blocks;
      in.k = 1 + random.below(15);
      const std::vector<uint64_t> allowed = bitmap(random, rows, round % 4);
      if (round % 4 > 1) in.allowed = allowed.data();
      if (round % 7 == 0) in.radius = metric == Metric::kCosine ? 0.1f : metric == Metric::kDot ? 1.0f : 8.0f;
      for (size_t b = 0; b < in.blocks.size(); b++) {
        RowBlock& block = in.blocks[b];
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
  const std::vector<float> queries = random.vector(20 * dims), corpus = random.vector(rows * dims);
  std::vector<int8_t> codes(rows * dims);
  std::vector<float> scales(rows), errors(rows), norms(rows);
  make_int8_codes(current_kernels(), corpus.data(), dims * 4, rows, dims, codes.data(), dims, scales.data(),
                  errors.data(), norms.data());
  const Int8Codes coded = {codes.data(), dims, scales.data(), errors.data()};
  for (const size_t query_count : {1, 20}) {
    SearchInput in;
    in.dims = dims;
    in.queries = queries.data();
    in.query_count = query_count;
    in.blocks = {{corpus.data(), dims * 4, rows, 0, norms.data(), nullptr, &coded}};
    in.k = 10;
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
        SearchInput in;
        in.dtype = dtype;
        in.metric = metric;
        in.dims = dims;
        in.queries = queries.data();
        in.query_count = query_count;
        in.blocks = split.blocks;
        in.k = 1 + random.below(20);
        if (round % 3 == 1) in.allowed = allowed.data();
        check_search(in);
        if (dtype != Dtype::kI8 || metric == Metric::kL1) continue;
        std::vector<float> scales = random.vector(rows), query_scales = random.vector(query_count);
        for (float& scale : scales) scale = std::fabs(scale);
        for (float& scale : query_scales) scale = std::fabs(scale);
        std::vector<std::unique_ptr<KeptNorms>> norms;
        for (RowBlock& block : in.blocks) {
          block.scales = scales.data() + block.first_row;
          block.kept_norms = norms.emplace_back(std::make_unique<KeptNorms>(block.count)).get();
        }
        in.query_scales = query_scales.data();
        check_search(in);
      }
    }
  }
}

TEST(search_with_several_groups_and_pieces) {
  Random random(11);
  const std::vector<float> queries = random.vector(1100 * 8), corpus = random.vector(30000 * 8);
  SearchInput in;
  in.metric = Metric::kDot;
  in.dims = 8;
  in.queries = queries.data();
  in.query_count = 1100;
  in.blocks = {{corpus.data(), 32, 300}};
  in.k = 5;
  check_search(in);
  in.metric = Metric::kCosine;
  in.query_count = 7;
  in.blocks = {{corpus.data(), 32, 30000}};
  in.k = 30000;
  check_search(in);
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
    SearchInput in;
    in.dtype = dtype;
    in.dims = dims;
    in.queries = query_data.data();
    in.query_count = query_count;
    in.blocks = {{data.data(), row_bytes(dtype, dims), rows}};
    in.k = 20;
    check_search(in);
    in.allowed = allowed.data();
    check_search(in);
  }
}

TEST(search_without_rows_finds_nothing) {
  const float query[2] = {1, 2};
  SearchInput in;
  in.dims = 2;
  in.queries = query;
  in.query_count = 1;
  in.k = 3;
  check_search(in);
  in.blocks = {{query, 8, 0}};
  check_search(in);
}

TEST(search_stops_when_cancelled) {
  Random random(12);
  const std::vector<float> queries = random.vector(50 * 64), corpus = random.vector(4000 * 64);
  SearchInput in;
  in.dims = 64;
  in.queries = queries.data();
  in.query_count = 50;
  in.blocks = {{corpus.data(), 256, 4000}};
  in.k = 3;
  TopKSearch search(in, current_level());
  search.cancel();
  search.work();
  CHECK(search.cancelled());
  CHECK(search.scored() == 0);
}

TEST(job_runs_on_any_number_of_threads) {
  Random random(16);
  const std::vector<float> queries = random.vector(9 * 16), corpus = random.vector(20000 * 16);
  SearchInput in;
  in.dims = 16;
  in.queries = queries.data();
  in.query_count = 9;
  in.blocks = {{corpus.data(), 64, 20000}};
  in.k = 4;
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
