#include "worker.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>

#include "rounding.h"

namespace embedlane {
namespace {

// Survivors that a query may have, see room_.
constexpr size_t kLeastSurvivors = 64;
constexpr size_t kMostSurvivors = 1024;

// Keeps the best k in front, the k-th itself at k - 1.
void select_best(std::vector<Key>& keys, size_t k) {
  if (keys.size() <= k) return;
  std::nth_element(keys.begin(), keys.begin() + ptrdiff_t(k - 1), keys.end(), std::greater<>());
  keys.resize(k);
}

}  // namespace

TopKSearch::Worker::Worker(TopKSearch& search)
    : s_(search),
      in_(search.input_),
      scan_(search.encoded_ ? encoding_scan() : plain_scan()),
      group_(std::min(search.group_size_, in_.query_count)),
      candidates_(group_),
      kth_(group_),
      squares_(group_),
      room_(std::min(kMostSurvivors, 4 * std::min(in_.k, kMostSurvivors) + kLeastSurvivors)) {
  const size_t rows = s_.piece_rows_;
  padded_ = round_up(group_, s_.tiles_.vector_queries);
  limits_.resize(padded_);
  base_.resize(padded_);
  slope_.resize(padded_);
  error_slope_.resize(padded_);
  query_scales_.assign(padded_, 1);
  if (s_.tile_ || s_.coded_) {
    survivors_ = std::make_unique_for_overwrite<Survivor[]>(group_ * room_);
    held_.assign(group_, 0);
    raised_.resize(group_);
    queries_.resize(group_);
  }
  if (s_.coded_ || s_.encoded_) {
    codes_.resize(group_ * in_.dims);
    code_norms_.resize(group_);
    code_errors_.resize(group_);
  }
  if (s_.widened_) wide_queries_.resize(group_ * in_.dims);
  if (s_.encoded_) {
    wide_row_.resize(in_.dims);
    made_scales_.resize(rows);
    made_errors_.resize(rows);
  }
  if (!s_.tile_) {
    scratch_.resize(2 * kStreamRows);
    if (s_.bit_counts_) counts_.resize(kStreamRows);
  } else {
    norms_ = aligned<float>(rows);
    offsets_ = aligned<float>(rows);
    if (s_.tile_->byte_sums || scan_.tile->byte_sums) byte_sums_ = aligned<int32_t>(rows);
  }
  if (s_.tile_ || s_.bit_tile_) {
    panels_ = aligned<char>(padded_ * round_up(s_.scan_bytes_, kGroupBytes));
  }
}

void TopKSearch::Worker::run() {
  size_t group = SIZE_MAX;
  for (size_t item = 0, end = 0;; item++) {
    if (item == end) {
      item = s_.next_item_.fetch_add(s_.run_, std::memory_order_relaxed);
      end = std::min(item + s_.run_, s_.items_);
    }
    if (item >= s_.items_ || s_.cancelled()) break;
    if (item / s_.pieces_ != group) {
      if (group != SIZE_MAX) {
        score_all_survivors();
        merge();
      }
      group = item / s_.pieces_;
      begin(group * s_.group_size_);
    }
    for (size_t q = 0; q < group_; q++) adopt_threshold(q);
    const size_t piece = item % s_.pieces_;
    const auto after = std::upper_bound(s_.piece_starts_.begin(), s_.piece_starts_.end(), piece);
    const size_t b = size_t(after - s_.piece_starts_.begin()) - 1;
    const size_t start = (piece - s_.piece_starts_[b]) * s_.piece_rows_;
    search(b, start, std::min(s_.piece_rows_, in_.blocks[b].count - start));
  }
  if (group != SIZE_MAX && !s_.cancelled()) {
    score_all_survivors();
    if (!s_.cancelled()) merge();
  }
  s_.scored_.fetch_add(scored_, std::memory_order_relaxed);
}

void TopKSearch::Worker::begin(size_t first) {
  first_ = first;
  group_ = std::min(s_.group_size_, in_.query_count - first);
  const Key floor = in_.radius ? key_below(*in_.radius, in_.metric) : 0;
  for (size_t q = 0; q < group_; q++) {
    squares_[q] = square_of(s_.kernels_, query(q), in_.dims);
    candidates_[q].clear();
    kth_[q] = floor;
    if (s_.widened_) floats_of(query(q), wide_queries_.data() + q * in_.dims);
  }
  if (s_.tile_) packed_ = group_;
  if (s_.bit_tile_) packed_ = s_.bit_tile_queries(group_);
  scanned_ = 0;
  scan_as(scan_);
}

void TopKSearch::Worker::scan_as(const Scan& scan) {
  scan_ = scan;
  for (size_t q = 0; q < group_; q++) {
    if (scan_.coded) {
      encode(q);
    } else {
      query_scales_[q] = scored_query(q).scale;
    }
    if (survivors_) {
      queries_[q] = s_.bounds_.query(scanned_square(q), scan_.coded ? code_norms_[q] : 0,
                                     scan_.coded ? code_errors_[q] : 0);
    }
    set_bounds(q);
  }
  pack_queries();
}

// Interleaves each panel of queries by groups; the last one is padded with zeros to a whole vector.
void TopKSearch::Worker::pack_queries() {
  using Group = uint32_t;
  static_assert(sizeof(Group) == kGroupBytes);
  const size_t lanes = s_.tiles_.vector_queries;
  const size_t whole = scan_.bytes / kGroupBytes, rest = scan_.bytes % kGroupBytes;
  const Group flip = scan_.tile ? Group(scan_.tile->panel_flip) * 0x01010101u : 0;
  padded_ = round_up(packed_, lanes);
  for (size_t q = 0; q < padded_; q += kPanelWidths * lanes) {
    const size_t width = std::min(kPanelWidths * lanes, padded_ - q);
    const size_t count = std::min(width, packed_ - q);
    const char* queries[kMaxPanel];
    for (size_t j = 0; j < count; j++) queries[j] = scanned_query(q + j);
    char* out = panels_.get() + q * scanned_groups() * kGroupBytes;
    // Group by group, since the panel's lines are farther apart than those of the queries.
    for (size_t g = 0; g < scanned_groups(); g++, out += width * kGroupBytes) {
      Group groups[kMaxPanel] = {};
      for (size_t j = 0; j < count; j++) {
        const char* const from = queries[j] + g * kGroupBytes;
        if (g < whole) {
          std::memcpy(&groups[j], from, kGroupBytes);
        } else {
          std::memcpy(&groups[j], from, rest);
        }
      }
      for (size_t j = 0; j < width; j++) groups[j] ^= flip;
      std::memcpy(out, groups, width * kGroupBytes);
    }
  }
  for (size_t q = packed_; q < padded_; q++) {
    limits_[q] = -1;
    base_[q] = std::numeric_limits<float>::infinity();
    slope_[q] = 0;
  }
}

void TopKSearch::Worker::encode(size_t q) {
  int8_t* const codes = codes_.data() + q * in_.dims;
  float error, norm;
  if (scan_.encodes) {
    const float* const floats = floats_of(query(q), wide_row_.data());
    s_.tiles_.encode(floats, in_.dims, codes, &query_scales_[q], &error, &norm);
  } else {
    make_int8_codes(s_.all_kernels_, query(q), 0, 1, in_.dims, codes, in_.dims, &query_scales_[q], &error,
                    &norm);
  }
  const double square = square_of(row_kernels(s_.all_kernels_, Dtype::kI8), codes, in_.dims);
  code_norms_[q] = std::sqrt(square) * double(query_scales_[q]);
  code_errors_[q] = error;
}

void TopKSearch::Worker::set_bounds(size_t q) {
  if (!survivors_) return;  // scores or counts are compared themselves
  raised_[q] = 0;
  const float kth = kth_[q] == 0 ? NAN : key_goodness(kth_[q]);
  s_.bounds_.threshold(queries_[q], kth, &base_[q], &slope_[q], &error_slope_[q]);
}

void TopKSearch::Worker::adopt_threshold(size_t q) {
  const uint32_t high = s_.thresholds_[first_ + q].load(std::memory_order_relaxed);
  const bool higher = high > uint32_t(kth_[q] >> 32);
  if (higher) kth_[q] = Key(high) << 32;
  if (higher || (survivors_ && raised_[q] > 0)) set_bounds(q);
}

bool TopKSearch::Worker::push(size_t q, float score, uint32_t row) {
  const Key key = make_key(smaller_is_better(in_.metric) ? -score : score, row);
  if (key <= kth_[q]) return false;
  std::vector<Key>& keys = candidates_[q];
  if (keys.size() < in_.k) {
    keys.push_back(key);
    if (keys.size() < in_.k) return false;
    std::make_heap(keys.begin(), keys.end(), std::greater<>());
  } else {
    std::pop_heap(keys.begin(), keys.end(), std::greater<>());
    keys.back() = key;
    std::push_heap(keys.begin(), keys.end(), std::greater<>());
  }
  if (keys.front() <= kth_[q]) return false;
  kth_[q] = keys.front();
  return true;
}

void TopKSearch::Worker::publish(size_t q) {
  set_bounds(q);
  const uint32_t high = uint32_t(kth_[q] >> 32);
  std::atomic<uint32_t>& shared = s_.thresholds_[first_ + q];
  uint32_t seen = shared.load(std::memory_order_relaxed);
  while (seen < high && !shared.compare_exchange_weak(seen, high, std::memory_order_relaxed)) {
  }
}

void TopKSearch::Worker::search(size_t b, size_t start, size_t count) {
  const RowBlock& block = in_.blocks[b];
  Rows all = {static_cast<const char*>(block.rows),
              block.stride,
              block.count,
              block.norms,
              block.scales,
              nullptr,
              uint32_t(b),
              block.first_row,
              nullptr,
              false};
  if (s_.coded_) {
    all.data = reinterpret_cast<const char*>(block.int8->codes);
    all.stride = block.int8->stride;
    all.scales = block.int8->scales;
    all.errors = block.int8->errors;
  }
  if (s_.encoded_ && !scan_.encodes && plain_pieces_-- == 0) scan_as(encoding_scan());
  const Rows rows = all.part(start, count);
  in_.allowed ? search_allowed(rows) : search_all(rows);
}

void TopKSearch::Worker::search_all(const Rows& rows) {
  s_.tile_ ? filter_all(rows) : s_.bit_tile_ ? search_bits(rows) : stream(rows);
}

void TopKSearch::Worker::merge() {
  const bool other_groups = s_.items_ > s_.pieces_;
  std::lock_guard lock(s_.merge_mutex_);
  for (size_t q = 0; q < group_; q++) {
    if (other_groups) s_.lows_[first_ + q].forget();
    std::vector<Key>& results = s_.results_[first_ + q];
    if (results.empty()) {
      results.swap(candidates_[q]);
    } else {
      results.insert(results.end(), candidates_[q].begin(), candidates_[q].end());
    }
    select_best(results, in_.k);
  }
}

}  // namespace embedlane
