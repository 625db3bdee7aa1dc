// Counts of bits: tiles against counting one by one, and searches against sorting.
#include <algorithm>
#include <bit>
#include <cmath>

#include "../search/sign_search.h"
#include "topk_oracle.h"

namespace embedlane::test {
namespace {

// Rows of bits at a distance; the last one ends with the memory, so that AddressSanitizer sees a step beyond.
std::vector<char> bit_rows(Random& random, size_t count, size_t dims, size_t stride) {
  const size_t bytes = row_bytes(Dtype::kB1, dims);
  std::vector<char> rows((count - 1) * stride + bytes, char(0xff));
  for (size_t r = 0; r < count; r++) {
    const size_t kind = random.below(8);
    for (size_t i = 0; i < bytes; i++) {
      rows[r * stride + i] = kind == 0 ? 0 : kind == 1 ? char(0xff) : char(random.next());
    }
    rows[r * stride + bytes - 1] &= char(0xff << (bytes * 8 - dims));
  }
  return rows;
}

uint32_t differing(const char* a, const char* b, size_t bytes) {
  uint32_t count = 0;
  for (size_t i = 0; i < bytes; i++) count += uint32_t(std::popcount(uint8_t(a[i] ^ b[i])));
  return count;
}

void check_bit_tile(Level level, size_t dims, size_t width, Random& random) {
  const Tiles& tiles = tiles_of(level);
  const size_t bytes = row_bytes(Dtype::kB1, dims), stride = bytes + random.below(3) * random.below(40);
  const size_t queries = width * tiles.vector_queries;
  const std::vector<char> rows = bit_rows(random, tiles.rows, dims, stride);
  const std::vector<char> columns = bit_rows(random, queries, dims, bytes);
  std::vector<char> panel((bytes + kGroupBytes - 1) / kGroupBytes * kGroupBytes * queries);
  for (size_t q = 0; q < queries; q++) {
    for (size_t i = 0; i < bytes; i++) {
      panel[(i / kGroupBytes * queries + q) * kGroupBytes + i % kGroupBytes] = columns[q * bytes + i];
    }
  }
  for (const size_t height : {tiles.rows, size_t(1)}) {
    for (const size_t first : {size_t(0), tiles.rows - height}) {
      const char* const at = rows.data() + first * stride;
      std::vector<int32_t> limits(queries);
      for (size_t q = 0; q < queries; q++) {
        // Of some queries exactly a row's count, of some none and of some all.
        const char* const row = at + random.below(height) * stride;
        const int32_t choices[] = {int32_t(differing(row, columns.data() + q * bytes, bytes)),
                                   int32_t(random.below(dims + 1)), -1, INT32_MAX};
        limits[q] = choices[random.below(4)];
      }
      for (const bool none : {false, true}) {
        if (none) limits.assign(queries, -1);
        const BitTileInput input = {panel.data(), at, stride, bytes, at, limits.data()};
        uint32_t masks[kMaxTileRows], counts[kMaxTileRows * kMaxPanel];
        const BitTileSet& set = tiles.bits;
        const uint32_t left = (height == 1 ? set.row : set.full)[width - 1](input, masks, counts);
        for (size_t r = 0; r < height; r++) {
          uint32_t mask = 0;
          for (size_t q = 0; q < queries; q++) {
            const uint32_t count = differing(at + r * stride, columns.data() + q * bytes, bytes);
            mask |= uint32_t(int32_t(count) <= limits[q]) << q;
            if (left >> r & 1) CHECK(counts[r * queries + q] == count);
          }
          CHECK_MESSAGE(masks[r] == mask,
                        std::string(level_name(level)) + " miscounts, dims " + std::to_string(dims));
          CHECK((left >> r & 1) == uint32_t(mask != 0));
        }
        CHECK(left >> height == 0);
      }
    }
  }
}

TEST(bit_tiles_count_exactly) {
  Random random(21);
  std::vector<size_t> lengths;
  for (size_t dims = 1; dims <= 1000; dims += 1 + random.below(9)) lengths.push_back(dims);
  // Where accumulators of bytes are full, and beyond.
  lengths.insert(lengths.end(), {8, 32, 384, 952, 959, 960, 961, 968, 992, 1023, 1024, 1920, 1952, 16384});
  for (const Level level : levels()) {
    for (const size_t dims : lengths) {
      for (size_t width = 1; width <= kPanelWidths; width++) check_bit_tile(level, dims, width, random);
    }
  }
}

// Few bits, so that many rows are equally far; blocks in any order; more keys than are kept.
TEST(search_of_bits) {
  Random random(22);
  for (size_t round = 0; round < 160; round++) {
    const size_t dims = round % 3 == 0 ? 1 + random.below(12) : 1 + random.below(1000);
    const size_t bytes = row_bytes(Dtype::kB1, dims);
    const size_t query_count = 1 + random.below(round % 16 == 0 ? 120 : 40);
    const size_t rows = 1 + random.below(round % 10 == 0 ? 3000 : 300);
    const std::vector<char> queries = bit_rows(random, query_count, dims, bytes);
    const std::vector<char> corpus = bit_rows(random, rows, dims, bytes);
    const Corpus split(random, Dtype::kB1, corpus, dims, 1 + round % 5);
    const std::vector<uint64_t> allowed = bitmap(random, rows, round % 4);
    const Metric metric = round % 5 == 4 ? Metric::kL2 : Metric::kL1;
    InputBuilder in(Dtype::kB1, queries, dims, 1 + random.below(round % 4 == 0 ? rows + 5 : 30), metric);
    in.blocks(split.blocks);
    if (round % 3 == 1) in.allowed(allowed);
    check_search(in);
    SearchInput within = in;
    for (const float radius : {-1.0f, 0.0f, 3.0f, float(dims) / 2 + 0.25f, HUGE_VALF}) {
      within.radius = radius;
      if (round % 7 == 0) check_search(within);
    }
  }
}

// Several pieces of rows and groups of queries.
TEST(search_of_many_bits) {
  Random random(23);
  const std::vector<char> queries = bit_rows(random, 530, 16, 2), corpus = bit_rows(random, 20000, 16, 2);
  const std::vector<uint64_t> allowed = bitmap(random, 20000, 2);
  InputBuilder in(Dtype::kB1, queries, 16, 40, Metric::kL1);
  check_search(in.rows(corpus));
  const std::vector<char> few(queries.begin(), queries.begin() + 2 * 21);
  InputBuilder picked(Dtype::kB1, few, 16, 2000, Metric::kL1);
  check_search(picked.rows(corpus).allowed(allowed));
}

// Its candidates are what a search of the signs finds: with k of them, the same rows.
TEST(search_by_signs_takes_those_that_differ_least) {
  Random random(24);
  const size_t dims = 100, bytes = row_bytes(Dtype::kB1, dims), rows = 900, k = 25;
  const std::vector<float> corpus = random.vector(rows * dims);
  const auto signs_of = [&](const std::vector<float>& vectors) {
    std::vector<char> signs(vectors.size() / dims * bytes);
    for (size_t r = 0; r * dims < vectors.size(); r++) {
      scalar_kernels().conversions.pack_bits(&vectors[r * dims], dims, 0,
                                             reinterpret_cast<uint8_t*>(&signs[r * bytes]));
    }
    return signs;
  };
  const std::vector<char> signs = signs_of(corpus);
  for (const size_t query_count : {1, 3, 37}) {
    const std::vector<float> queries = random.vector(query_count * dims);
    const std::vector<char> query_signs = signs_of(queries);
    InputBuilder of_signs(Dtype::kB1, query_signs, dims, k, Metric::kL1);
    const std::vector<Found> wanted = by_sorting(of_signs.rows(signs));
    InputBuilder builder(queries, dims, k);
    SearchInput in = builder.rows(corpus);
    in.blocks[0].signs = signs.data();
    in.blocks[0].sign_stride = bytes;
    in.candidates = k;
    for (const Level level : levels()) {
      SignSearch search(in, level);
      run_job(search, 2);
      for (size_t q = 0; q < query_count; q++) {
        Found found{std::vector<uint32_t>(search.found(q)), std::vector<float>(search.found(q))};
        search.copy(q, found.rows.data(), found.scores.data());
        std::vector<uint32_t> expected = wanted[q].rows;
        std::sort(found.rows.begin(), found.rows.end());
        std::sort(expected.begin(), expected.end());
        CHECK(found.rows == expected);
      }
    }
  }
}

}  // namespace
}  // namespace embedlane::test
