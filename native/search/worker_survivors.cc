// What a worker does with the rows that pass the filter. Most of them come early, while thresholds are low,
// and would soon be beaten: so they wait with what the filter knows of their scores, and those few that the
// others leave a chance are scored at the end.
#include <algorithm>
#include <cmath>
#include <limits>

#include "prefetch.h"
#include "worker.h"

namespace embedlane {
namespace {

// A value that at least `k` of the others reach, and few more: the k-th best to a thousandth of their width,
// in a fraction of the time that selecting it takes. -Inf where k do not reach any number.
float exceeded_by(const float* values, size_t count, size_t k) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float least = kInfinity, most = -kInfinity;
  for (size_t i = 0; i < count; i++) {
    least = values[i] > -kInfinity && values[i] < least ? values[i] : least;
    most = values[i] > most ? values[i] : most;
  }
  const auto reached = [=](float value) {
    uint32_t times = 0;
    for (size_t i = 0; i < count; i++) times += values[i] >= value;
    return times >= k;
  };
  if (!reached(least)) return -kInfinity;
  for (int step = 0; step < 10; step++) {
    const float middle = least + (most - least) / 2;
    (reached(middle) ? least : most) = middle;
  }
  return least;
}

}  // namespace

void TopKSearch::Worker::add(const Rows& rows, size_t r, size_t q, float value, float norm) {
  survivors_[q * room_ + held_[q]++] = {value, norm, rows.errors ? rows.errors[r] : 0, rows.block,
                                        rows.number(r)};
}

void TopKSearch::Worker::keep(const Rows& rows, size_t r, size_t q, float value, float norm) {
  add(rows, r, q, value, norm);
  if (held_[q] >= full_[q]) settle(q);
}

void TopKSearch::Worker::sow(const Rows& rows, size_t count, size_t first_query, size_t width,
                             size_t queries) {
  // Row r is in share r % kShares. What is compared within a share orders rows as their scores do, nearly.
  constexpr size_t kShares = 4 * 16;
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  float best[kShares][kMaxPanel];
  uint32_t best_row[kShares][kMaxPanel];
  for (size_t share = 0; share < kShares; share++) {
    std::fill_n(best[share], width, kNone);
    std::fill_n(best_row[share], width, UINT32_MAX);
  }
  for (size_t r = 0; r < count; r++) {
    const float norm = norms_[r];
    const float factor = in_.metric == Metric::kCosine ? 1 / norm : 1;
    const float offset = in_.metric == Metric::kL2 ? -0.5f * norm * norm : 0;
    const float* const values = seeds_.get() + r * width;
    float* const most = best[r % kShares];
    uint32_t* const most_row = best_row[r % kShares];
    for (size_t j = 0; j < width; j++) {
      const float value = values[j] * factor + offset;
      most_row[j] = value > most[j] ? uint32_t(r) : most_row[j];
      most[j] = value > most[j] ? value : most[j];
    }
  }
  for (size_t j = 0; j < queries; j++) {
    const size_t q = first_query + j;
    for (size_t share = 0; share < kShares; share++) {
      const uint32_t r = best_row[share][j];
      if (r != UINT32_MAX) add(rows, r, q, seeds_[r * width + j], norms_[r]);
    }
    raise(q);
    held_[q] = 0;
  }
  for (size_t r = 0; r < count; r++) {
    const float* const values = seeds_.get() + r * width;
    const float error = rows.errors ? rows.errors[r] : 0, norm = norms_[r], offset = offsets_[r];
    const float* const base = base_.data() + first_query;
    const float* const slope = slope_.data() + first_query;
    const float* const error_slope = error_slope_.data() + first_query;
    uint8_t dropped[kMaxPanel];
    uint32_t stay = 0;
    for (size_t j = 0; j < queries; j++) {
      dropped[j] = values[j] < ((slope[j] * norm + base[j]) + offset) + error_slope[j] * error;
      stay += !dropped[j];
    }
    for (size_t j = 0; stay > 0 && j < queries; j++) {
      if (!dropped[j]) keep(rows, r, first_query + j, values[j], norm);
    }
  }
}

void TopKSearch::Worker::find_ranges(size_t q) {
  s_.bounds_.ranges(scanned_square(q), s_.coded_ ? code_norms_[q] : 0, s_.coded_ ? code_errors_[q] : 0,
                    survivors_.get() + q * room_, held_[q], lows_.data(), highs_.data());
}

void TopKSearch::Worker::raise(size_t q) {
  find_ranges(q);
  if (held_[q] < in_.k) return;
  const float low = exceeded_by(lows_.data(), held_[q], in_.k);
  // Below every row with this score, and above nothing where k of them may be NaN.
  const Key key = make_key(low, UINT32_MAX);
  if (low > -std::numeric_limits<float>::infinity() && key > kth_[q]) {
    kth_[q] = key;
    publish(q);
  }
}

void TopKSearch::Worker::settle(size_t q) {
  raise(q);
  if (kth_[q] != 0) {
    const size_t held = held_[q];
    const float floor = key_goodness(kth_[q]);
    Survivor* const survivors = survivors_.get() + q * room_;
    size_t left = 0;
    for (size_t i = 0; i < held; i++) {
      survivors[left] = survivors[i];
      left += !(highs_[i] < floor);  // a floor of NaN is below all
    }
    held_[q] = left;
  }
  if (held_[q] > room_ / 2) score_survivors(q);
  full_[q] = std::min(room_, held_[q] + std::max(std::min(in_.k, room_), held_[q]) + 8);
}

void TopKSearch::Worker::score_survivors(size_t q) {
  constexpr size_t kAhead = 3;
  find_ranges(q);
  const size_t held = held_[q];
  held_[q] = 0;
  // The best first, which may spare the others.
  order_.resize(held);
  for (size_t i = 0; i < held; i++) order_[i] = uint32_t(i);
  std::sort(order_.begin(), order_.end(), [this](uint32_t a, uint32_t b) { return highs_[a] > highs_[b]; });
  const Survivor* const survivors = survivors_.get() + q * room_;
  const auto row_of = [&](size_t i) {
    const Survivor& survivor = survivors[order_[i]];
    const RowBlock& block = in_.blocks[survivor.block];
    const size_t index = survivor.row - block.first_row;
    const char* const data = static_cast<const char*>(block.rows) + index * block.stride;
    return ScoredRows{data, block.stride, 1, block.scales ? block.scales + index : nullptr};
  };
  for (size_t i = 0; i < std::min(kAhead, held); i++) prefetch_lines(row_of(i).data, s_.query_stride_);
  const ScoredQuery query = scored_query(q);
  bool raised = false;
  for (size_t i = 0; i < held; i++) {
    if (highs_[order_[i]] < key_goodness(kth_[q])) break;
    if (i + kAhead < held) prefetch_lines(row_of(i + kAhead).data, s_.query_stride_);
    const ScoredRows row = row_of(i);
    double scratch[2];
    sum_rows(s_.kernels_, in_.metric, in_.dims, query, row, scratch, scratch + 1);
    scored_++;
    raised |= push(q, score_of(in_.metric, query, row, scratch, 0), survivors[order_[i]].row);
  }
  if (raised) publish(q);
}

void TopKSearch::Worker::score_all_survivors() {
  if (!survivors_) return;
  adopt_thresholds();
  for (size_t q = 0; q < group_ && !s_.cancelled(); q++) {
    settle(q);
    score_survivors(q);
  }
}

}  // namespace embedlane
