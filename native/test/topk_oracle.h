#pragma once

#include <memory>
#include <vector>

#include "../search/topk.h"
#include "runner.h"

namespace embedlane::test {

// What a search is to find, and what it is to find it in.

struct Found {
  std::vector<uint32_t> rows;
  std::vector<float> scores;
};

// By sorting every canonical score.
std::vector<Found> by_sorting(const SearchInput& in);

// Searches at every level, with one thread and with several.
void check_search(const SearchInput& in);

// Rows in one piece, cut into blocks of their own memory with padding that no kernel may read past.
struct Corpus {
  Corpus(Random& random, Dtype dtype, const std::vector<char>& rows, size_t dims, size_t block_count);

  std::vector<std::vector<char>> memory;
  std::vector<std::unique_ptr<KeptNorms>> norms;
  std::vector<RowBlock> blocks;
};

std::vector<char> as_bytes(const std::vector<float>& values);

// A bit for each row: of none (kind 0), of all (1), of every second (2) or of few.
std::vector<uint64_t> bitmap(Random& random, size_t rows, size_t kind);

}  // namespace embedlane::test
