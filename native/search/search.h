#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "../kernels/dtype.h"
#include "../threads/job.h"
#include "int8_codes.h"
#include "kept_norms.h"
#include "scores.h"

namespace embedlane {

// Rows at one distance from each other in memory. A corpus is one or more such blocks, in any order.
struct RowBlock {
  const void* rows = nullptr;
  size_t stride = 0;  // bytes from row to row: at least row_bytes(), a multiple of alignment_of()
  size_t count = 0;
  uint32_t first_row = 0;  // number of the first row; the others count on. No two blocks share a number.
  // ‖x‖ of each row, scale included, rounded to float32: see row_norm(). Null: computed in every search.
  const float* norms = nullptr;
  // Of kI8 and kU8, per row: an element is its code times this, at least 0. Null: times 1.
  const float* scales = nullptr;
  // Of kF32, with norms: if every block has codes, the search scans those. The result is the same.
  const Int8Codes* int8 = nullptr;
  // Of kF32, for a search with `candidates`: the rows' signs as rows of kB1, 1 for elements above 0.
  const void* signs = nullptr;
  size_t sign_stride = 0;
  // Of these rows and their scales. Null: norms that are not given are computed in every search.
  KeptNorms* kept_norms = nullptr;
};

// What to search. The memory stays the caller's and must outlive the search.
struct SearchInput {
  Dtype dtype = Dtype::kF32;  // of queries and rows
  Metric metric = Metric::kCosine;
  size_t dims = 0;                      // at least 1
  const void* queries = nullptr;        // row-major, without gaps
  size_t query_count = 0;               // at least 1
  const float* query_scales = nullptr;  // as RowBlock::scales
  std::vector<RowBlock> blocks;
  size_t k = 0;  // the most rows to find per query, at least 1; more than there are means all
  // Bit r % 64 of word r / 64 says whether row number r may be found. Null: every row.
  const uint64_t* allowed = nullptr;
  // Finds only rows whose score is at least this (similarities) or at most this (distances). Not NaN. A row
  // whose score is NaN is then never found.
  std::optional<float> radius;
  // 0: the search is exact. Otherwise only so many rows per query get scores, those whose signs differ least
  // from the query's: see SignSearch.
  size_t candidates = 0;
};

// A search, and after finish() its result.
class Search : public Job {
 public:
  // How many rows a query found, at most k, and the rows themselves: best first, equal scores by lowest row,
  // NaN after every number.
  virtual size_t found(size_t query) const = 0;
  virtual void copy(size_t query, uint32_t* rows, float* scores) const = 0;
  // How many pairs of query and row got a canonical score.
  virtual uint64_t scored() const = 0;
};

}  // namespace embedlane
