#pragma once

#include <memory>
#include <vector>

#include "../search/search.h"
#include "runner.h"

namespace embedlane::test {

// Rows in one piece, cut into blocks of their own memory with padding that no kernel may read past.
struct Corpus {
  Corpus(Random& random, Dtype dtype, const std::vector<char>& rows, size_t dims, size_t block_count);

  std::vector<std::vector<char>> memory;
  std::vector<std::unique_ptr<KeptNorms>> norms;
  std::vector<RowBlock> blocks;
};

// Describes a search, in no rows until it is told of some. The memory stays the caller's.
class InputBuilder {
 public:
  InputBuilder(Dtype dtype, const std::vector<char>& queries, size_t dims, size_t k,
               Metric metric = Metric::kCosine);
  InputBuilder(const std::vector<float>& queries, size_t dims, size_t k, Metric metric = Metric::kCosine);

  // Rows without gaps, as one block.
  InputBuilder& rows(const std::vector<char>& rows);
  InputBuilder& rows(const std::vector<float>& rows);
  InputBuilder& blocks(const std::vector<RowBlock>& blocks);
  InputBuilder& allowed(const std::vector<uint64_t>& bits);
  // A radius within which some of the rows of Random::vector are.
  InputBuilder& within_radius();
  InputBuilder& query_scales(const std::vector<float>& scales);

  // For what rows have besides: norms, scales, codes.
  std::vector<RowBlock>& blocks() { return input_.blocks; }

  operator const SearchInput&() const { return input_; }

 private:
  InputBuilder(Dtype dtype, const void* queries, size_t bytes, size_t dims, size_t k, Metric metric);
  InputBuilder& one_block(const void* rows, size_t bytes);

  SearchInput input_;
};

std::vector<char> as_bytes(const std::vector<float>& values);

// A bit for each row: of none (kind 0), of all (1), of every second (2) or of few.
std::vector<uint64_t> bitmap(Random& random, size_t rows, size_t kind);

// Makes of rows some of zeros, of NaN, of infinities, and huge and tiny ones.
void make_extreme(std::vector<float>& rows, size_t dims);

}  // namespace embedlane::test
