// What a worker does with the rows that pass the filter. Most of them come early, while thresholds are low,
// and would soon be beaten: so they wait with what the filter knows of their scores, and those few that the
// others leave a chance are scored at the end.
#include <algorithm>
#include <limits>

#include "prefetch.h"
#include "worker.h"

namespace embedlane {

void TopKSearch::Worker::keep(const Rows& rows, size_t r, size_t q, float value, float norm) {
  const auto [low, high] = s_.bounds_.range(queries_[q], value, norm, rows.errors ? rows.errors[r] : 0);
  if (scan_.encodes) passed_ += base_[q] > -std::numeric_limits<float>::infinity();
  // The threshold may be a higher one than the filter's by now.
  if (kth_[q] != 0 && high < key_goodness(kth_[q])) return;
  survivors_[q * room_ + held_[q]++] = {high, rows.block, rows.number(r)};
  if (in_.k <= room_ && !(kth_[q] != 0 && low <= key_goodness(kth_[q]))) raise(q, low);
  if (held_[q] == room_) settle(q);
}

void TopKSearch::Worker::raise(size_t q, float low) {
  const float least = s_.lows_[first_ + q].add(low, in_.k);
  // Below every row with this score, and above nothing where k of them may be NaN.
  const Key key = make_key(least, UINT32_MAX);
  if (least == KnownLows::kNone || key <= kth_[q]) return;
  kth_[q] = key;
  // To tell the filter of a little costs more than it saves.
  if (++raised_[q] > in_.k / 4) publish(q);
}

void TopKSearch::Worker::settle(size_t q) {
  if (kth_[q] != 0) {
    const float floor = key_goodness(kth_[q]);
    Survivor* const survivors = survivors_.get() + q * room_;
    // A floor of NaN is below all.
    const auto end = std::remove_if(survivors, survivors + held_[q],
                                    [floor](const Survivor& survivor) { return survivor.high < floor; });
    held_[q] = size_t(end - survivors);
  }
  if (held_[q] > room_ / 2) score_survivors(q);
}

void TopKSearch::Worker::score_survivors(size_t q) {
  constexpr size_t kAhead = 3;
  Survivor* const survivors = survivors_.get() + q * room_;
  const size_t held = held_[q];
  held_[q] = 0;
  // The best first, which may spare the others.
  std::sort(survivors, survivors + held,
            [](const Survivor& a, const Survivor& b) { return a.high > b.high; });
  const auto row_of = [&](size_t i) {
    const RowBlock& block = in_.blocks[survivors[i].block];
    const size_t index = survivors[i].row - block.first_row;
    const char* const data = static_cast<const char*>(block.rows) + index * block.stride;
    return ScoredRows{data, block.stride, 1, block.scales ? block.scales + index : nullptr};
  };
  for (size_t i = 0; i < std::min(kAhead, held); i++) prefetch_lines(row_of(i).data, s_.query_stride_);
  const ScoredQuery query = scored_query(q);
  bool raised = false;
  for (size_t i = 0; i < held; i++) {
    if (survivors[i].high < key_goodness(kth_[q])) break;
    if (i + kAhead < held) prefetch_lines(row_of(i + kAhead).data, s_.query_stride_);
    const ScoredRows row = row_of(i);
    double scratch[2];
    sum_rows(s_.kernels_, in_.metric, in_.dims, query, row, scratch, scratch + 1);
    scored_++;
    raised |= push(q, score_of(in_.metric, query, row, scratch, 0), survivors[i].row);
  }
  if (raised) publish(q);
}

void TopKSearch::Worker::score_all_survivors() {
  if (!survivors_) return;
  for (size_t q = 0; q < group_ && !s_.cancelled(); q++) {
    adopt_threshold(q);
    settle(q);
    score_survivors(q);
  }
}

}  // namespace embedlane
