#pragma once

#include "aligned.h"
#include "topk.h"

namespace embedlane {

// One thread's part of a search: the candidates of the group of queries it is at, and scratch memory.
class TopKSearch::Worker {
 public:
  explicit Worker(TopKSearch& search);

  // Takes units of work until none is left.
  void run();

 private:
  // Rows that a stream scores at a time.
  static constexpr size_t kStreamRows = 256;

  // Rows that follow each other at one distance, and their numbers: `first`, first + 1, … or, where `picks`
  // is not null, first + picks[0], first + picks[1], …
  struct Rows {
    const char* data;  // what is scanned: the rows, their codes, or a copy of either
    size_t stride;
    size_t count;
    const float* norms;
    const float* scales;
    const float* errors;  // of codes
    const char* rows;     // the rows themselves, of which these are `picks`
    size_t row_stride;
    uint32_t first;
    const uint32_t* picks;

    size_t pick(size_t r) const { return picks ? picks[r] : r; }
    uint32_t number(size_t r) const { return first + uint32_t(pick(r)); }
    const char* row(size_t r) const { return rows + pick(r) * row_stride; }
    // Rows [start, start + n), where there are no picks.
    Rows part(size_t start, size_t n) const {
      return {data + start * stride,
              stride,
              n,
              norms ? norms + start : nullptr,
              scales ? scales + start : nullptr,
              errors ? errors + start : nullptr,
              rows + start * row_stride,
              row_stride,
              first + uint32_t(start),
              nullptr};
    }
  };

  const char* query(size_t q) const {
    return static_cast<const char*>(in_.queries) + (first_ + q) * s_.query_stride_;
  }
  ScoredQuery scored_query(size_t q) const {
    return {query(q), squares_[q], in_.query_scales ? in_.query_scales[first_ + q] : 1};
  }

  // What is scanned for query q.
  const char* scanned_query(size_t q) const {
    if (s_.coded_) return reinterpret_cast<const char*>(codes_.data() + q * in_.dims);
    if (s_.widened_) return reinterpret_cast<const char*>(wide_queries_.data() + q * in_.dims);
    return query(q);
  }

  void begin(size_t first);
  void encode(size_t q);
  // Copies what is scanned of a row.
  void copy_row(const char* from, char* to) const;
  void pack_queries();
  void set_bounds(size_t q);
  void adopt_thresholds();
  void push(size_t q, float score, uint32_t row);

  // One unit of work.
  void search(const RowBlock& block, size_t start, size_t count);
  // The rows of `rows` that may be found, gathered.
  void search_allowed(const Rows& rows);
  Rows gather(const Rows& rows, size_t start, size_t count);
  // All of them, as float32.
  Rows widen(const Rows& rows);
  const float* gather(const float* values, const uint32_t* picks, size_t count,
                      std::vector<float>& into) const;
  void stream(const Rows& rows);
  void stream(const Rows& rows, size_t q);
  void stream_codes(const Rows& rows, size_t q);
  void stream_bits(const Rows& rows, size_t q);
  void filter(const Rows& rows);
  // Norms and offsets of rows [r, r + count) into norms_ and offsets_.
  void measure(const Rows& rows, size_t r, size_t count);
  void rescore(const Rows& rows, size_t r, size_t first_query, uint32_t mask);
  void rescore_waiting(const Rows& rows);
  void merge();

  TopKSearch& s_;
  const SearchInput& in_;
  size_t first_ = 0;   // the group's first query
  size_t group_;       // queries in it
  size_t padded_ = 0;  // the same up to whole vectors
  size_t groups_;      // of kGroupBytes in a row
  uint64_t scored_ = 0;
  // Per query, up to k keys; once there are k, a heap with the worst in front.
  std::vector<std::vector<Key>> candidates_;
  std::vector<Key> kth_;  // keys up to this one cannot enter any more
  std::vector<double> squares_;
  std::vector<float> base_, slope_;
  Aligned<char> panels_;
  std::vector<int32_t> starts_;  // see TileInput; of bytes only
  std::vector<float> query_scales_;
  // Of codes, per query: the codes, ‖scale · code‖, ‖q − scale · code‖, and TileInput::error_slope.
  std::vector<int8_t> codes_;
  std::vector<double> code_norms_, code_errors_;
  std::vector<float> error_slope_;
  std::vector<float> wide_queries_;
  Aligned<float> norms_, offsets_;
  // What the tile before has left, see rescore().
  struct Left {
    size_t row;
    size_t first_query;
    uint32_t mask;
  };
  Left waiting_[kMaxTileRows];
  size_t waiting_count_ = 0;
  std::vector<double> scratch_;
  std::vector<uint32_t> picks_;
  Aligned<char> gathered_;
  std::vector<float> gathered_norms_, gathered_scales_, gathered_errors_;
};

}  // namespace embedlane
