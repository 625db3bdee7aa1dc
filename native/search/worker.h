#pragma once

#include "aligned.h"
#include "prefetch.h"
#include "rounding.h"
#include "survivor.h"
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
  static constexpr size_t kLine = 64;
  // Pieces for which codes that were of no use are not made again, at first.
  static constexpr size_t kLeastPause = 32;

  // Rows that follow each other at one distance, and their numbers: `first`, first + 1, … or, where `picks`
  // is not null, first + picks[0], first + picks[1], …
  struct Rows {
    const char* data;  // what is scanned: the rows, their codes, or a copy of either
    size_t stride;
    size_t count;
    const float* norms;
    const float* scales;
    const float* errors;  // of codes
    uint32_t block;       // index in SearchInput::blocks
    uint32_t first;
    const uint32_t* picks;
    bool apart;  // what is scanned lies at `picks` too: it is `data` + picks[r] * stride

    const char* scanned(size_t r) const { return data + (apart ? picks[r] : r) * stride; }
    uint32_t number(size_t r) const { return first + (picks ? picks[r] : uint32_t(r)); }
    // Row r, of `bytes` bytes, and what else is known of it; where there are no picks.
    EMBEDLANE_INLINE void ask_for(size_t r, size_t bytes) const {
      prefetch_lines(data + r * stride, bytes);
      ask_for_values(r);
    }
    EMBEDLANE_INLINE void ask_for_values(size_t r) const {
      if (norms) prefetch_lines(norms + r, 1);
      if (scales) prefetch_lines(scales + r, 1);
      if (errors) prefetch_lines(errors + r, 1);
    }
    // Rows [start, start + n), where they are not apart.
    Rows part(size_t start, size_t n) const {
      return {data + start * stride,
              stride,
              n,
              norms ? norms + start : nullptr,
              scales ? scales + start : nullptr,
              errors ? errors + start : nullptr,
              block,
              first + (picks ? 0 : uint32_t(start)),
              picks ? picks + start : nullptr,
              false};
    }
  };

  const char* query(size_t q) const {
    return static_cast<const char*>(in_.queries) + (first_ + q) * s_.query_stride_;
  }
  ScoredQuery scored_query(size_t q) const {
    return {query(q), squares_[q], in_.query_scales ? in_.query_scales[first_ + q] : 1};
  }

  // How queries and rows are scanned.
  struct Scan {
    const TileSet* tile;
    size_t bytes;   // of a row
    size_t stride;  // of rows that the worker makes
    bool coded;     // as 8-bit codes of float32
    bool encodes;   // of which the rows' are made by the worker
    bool widened;   // as float32 that the worker makes of other floats
  };
  Scan plain_scan() const {
    return {s_.tile_, s_.scan_bytes_, s_.scan_bytes_, s_.coded_, false, s_.widened_};
  }
  Scan encoding_scan() const {
    return {&s_.tiles_.i8, in_.dims, round_up(in_.dims, kLine), true, true, false};
  }

  // What is scanned for query q.
  const char* scanned_query(size_t q) const {
    if (scan_.coded) return reinterpret_cast<const char*>(codes_.data() + q * in_.dims);
    if (scan_.widened) return reinterpret_cast<const char*>(wide_queries_.data() + q * in_.dims);
    return query(q);
  }
  // Of four bytes in what is scanned.
  size_t scanned_groups() const { return divide_up(scan_.bytes, kGroupBytes); }

  void begin(size_t first);
  // From here on the group's queries are scanned so.
  void scan_as(const Scan& scan);
  void encode(size_t q);
  // A row of floats as float32, which may be in `room`.
  const float* floats_of(const char* row, float* room) const;
  // Makes what is scanned of a row, as the r-th of gathered_.
  void make_row(const char* from, size_t r);
  void pack_queries();
  // ‖q‖² of what is scanned.
  double scanned_square(size_t q) const {
    const double scale = scan_.coded ? 1 : query_scales_[q];
    return squares_[q] * scale * scale;
  }
  void set_bounds(size_t q);
  // Another thread's k-th best is a bound for this thread too: that many better rows exist. Tells the filter.
  void adopt_threshold(size_t q);
  // Whether the threshold became higher, of which the caller tells all by publish().
  bool push(size_t q, float score, uint32_t row);
  void publish(size_t q);

  // The most bits in which rows from number `row` on may differ from the query and still enter; may be
  // negative.
  int32_t most_bits(size_t q, uint32_t row) const;
  // As push(), for rows of bits.
  bool collect(size_t q, uint32_t count, uint32_t row);

  // Keeps a row that passed the filter, which computed `value`; `norm` as FilterBounds uses it.
  void keep(const Rows& rows, size_t r, size_t q, float value, float norm);
  // The query's threshold rises to what the k-th best of the rows that were kept has at least.
  void raise(size_t q, float low);
  // Drops the query's survivors that its threshold rules out. Scores the others if they leave little room.
  void settle(size_t q);
  // Canonical scores of the query's survivors, of which none is left.
  void score_survivors(size_t q);
  void score_all_survivors();

  // One unit of work.
  void search(size_t block, size_t start, size_t count);
  void search_all(const Rows& rows);
  // The rows of `rows` that may be found.
  void search_allowed(const Rows& rows);
  Rows gather(const Rows& rows, size_t start, size_t count);
  Rows pick(const Rows& rows, size_t start, size_t count);
  // Visits the rows of `picked`, which are some of `rows`, in turn.
  template <class Visit>
  void each_pick(const Rows& rows, const Rows& picked, Visit visit);
  void stream(const Rows& rows);
  void stream_picks(const Rows& rows, size_t start, size_t count);
  // A stream's two steps: sums, or counts of bits, of some of the rows; then which of all of them to score.
  void sum(const Rows& rows, size_t r, size_t count, size_t q);
  void look(const Rows& rows, size_t q);
  void look_at_codes(const Rows& rows, size_t q);
  void look_at_bits(const Rows& rows, size_t q);
  // All of them: in tiles, and for the queries that are not packed as a stream.
  void search_bits(const Rows& rows);
  // All of them, through the filter.
  void filter_all(const Rows& rows);
  // Rows as they are scanned; `raw`: what they are yet to be made of, by make_row().
  void filter(const Rows& rows, const Rows* raw);
  // Rows of which make_row() made what is scanned.
  Rows made(const Rows& rows) const;
  void make_room();
  // After `rows` rows that the worker encoded: did their codes tell enough of them from what is looked for?
  void judge_codes(size_t rows);
  // Norms and offsets of rows [r, r + count) into norms_ and offsets_. `recall` is for norms that somebody
  // knows already, and otherwise returns false.
  bool recall(const Rows& rows, size_t r, size_t count);
  void measure(const Rows& rows, size_t r, size_t count);
  KeptNorms* kept_norms(const Rows& rows) const {
    return rows.norms || rows.picks ? nullptr : in_.blocks[rows.block].kept_norms;
  }
  // The index of row r in its block.
  size_t index_of(const Rows& rows, size_t r) const {
    return rows.first - in_.blocks[rows.block].first_row + r;
  }
  void merge();

  TopKSearch& s_;
  const SearchInput& in_;
  Scan scan_;
  size_t plain_pieces_ = 0;  // to scan before codes are tried again
  size_t pause_ = kLeastPause;
  uint64_t scanned_ = 0;  // rows that the worker encoded for the group
  uint64_t passed_ = 0;   // pairs that a piece's codes did not rule out, though there was a threshold
  size_t first_ = 0;      // the group's first query
  size_t group_;          // queries in it
  size_t packed_ = 0;     // of these in panels; the others are streamed
  size_t padded_ = 0;     // the same up to whole vectors
  uint64_t scored_ = 0;
  // Per query, up to k keys; once there are k, a heap with the worst in front. Of bits, up to key_room_ in
  // any order.
  std::vector<std::vector<Key>> candidates_;
  std::vector<Key> kth_;  // keys up to this one cannot enter any more
  std::vector<double> squares_;
  std::vector<float> base_, slope_;
  std::vector<int32_t> limits_;  // per query, see BitTileInput
  Aligned<char> panels_;
  std::vector<float> query_scales_;
  // Of codes, per query: the codes, ‖scale · code‖, ‖q − scale · code‖, and TileInput::error_slope.
  std::vector<int8_t> codes_;
  std::vector<double> code_norms_, code_errors_;
  std::vector<float> error_slope_;
  std::vector<float> wide_queries_, wide_row_;
  Aligned<float> norms_, offsets_;
  std::vector<float> made_scales_, made_errors_;  // of codes that the worker makes
  Aligned<int32_t> byte_sums_;                    // see TileInput::byte_sums
  // Per query, room for so many survivors, and how many there are.
  size_t room_;
  std::unique_ptr<Survivor[]> survivors_;
  std::vector<size_t> held_;
  std::vector<uint32_t> raised_;  // per query, how often its threshold rose since the filter was told
  std::vector<FilterBounds::Query> queries_;
  std::vector<double> scratch_;
  std::vector<uint32_t> counts_;
  std::vector<uint32_t> picks_;
  Aligned<char> gathered_;
  std::vector<float> gathered_norms_, gathered_scales_, gathered_errors_;
};

}  // namespace embedlane
