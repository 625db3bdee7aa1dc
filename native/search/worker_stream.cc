// A worker's way through the rows where queries are few: every score, or every count of bits, one query at a
// time.
#include <algorithm>
#include <cmath>

#include "floor.h"
#include "worker.h"

namespace embedlane {

void TopKSearch::Worker::stream(const Rows& rows) {
  // Few at a time: a k-th best that the first of them raise spares the others a closer look.
  for (size_t r = 0; r < rows.count && !s_.cancelled(); r += kStreamRows) {
    const Rows run = rows.part(r, std::min(kStreamRows, rows.count - r));
    for (size_t q = 0; q < group_; q++) {
      sum(run, 0, run.count, q);
      look(run, q);
    }
  }
}

// Rows [r, r + count), which follow each other.
void TopKSearch::Worker::sum(const Rows& rows, size_t r, size_t count, size_t q) {
  const char* const scanned = rows.scanned(r);
  if (s_.bit_counts_) {
    s_.bit_counts_(query(q), scanned, rows.stride, count, s_.query_stride_, counts_.data() + r);
    return;
  }
  double* const sums = scratch_.data() + r;
  if (s_.coded_) {
    row_kernels(s_.all_kernels_, Dtype::kI8)
        .dots(scanned_query(q), scanned, rows.stride, count, in_.dims, sums);
    return;
  }
  const ScoredRows scored = {scanned, rows.stride, count, rows.scales};
  sum_rows(s_.kernels_, in_.metric, in_.dims, scored_query(q), scored, sums, sums + rows.count);
}

void TopKSearch::Worker::look(const Rows& rows, size_t q) {
  if (s_.coded_) return look_at_codes(rows, q);
  if (s_.bit_counts_) return look_at_bits(rows, q);
  const ScoredRows scored = {nullptr, 0, rows.count, rows.scales};
  const ScoredQuery query = scored_query(q);
  const ScoreFloor floor(in_.metric, query, scored, kth_[q] == 0 ? NAN : key_goodness(kth_[q]));
  scored_ += rows.count;
  bool raised = false;
  floor.visit(scratch_.data(), [&](size_t r) {
    raised |= push(q, score_of(in_.metric, query, scored, scratch_.data(), r), rows.number(r));
  });
  if (raised) publish(q);
}

// The filter's condition (see Tile) for one query.
void TopKSearch::Worker::look_at_codes(const Rows& rows, size_t q) {
  float norms[kStreamRows], offsets[kStreamRows], values[kStreamRows];
  uint8_t dropped[kStreamRows];
  const double* const sums = scratch_.data();
  s_.bounds_.rows(rows.norms, rows.count, norms, offsets);
  const float base = base_[q], slope = slope_[q], error_slope = error_slope_[q], scale = query_scales_[q];
  for (size_t r = 0; r < rows.count; r++) {
    const float threshold = ((slope * norms[r] + base) + offsets[r]) + error_slope * rows.errors[r];
    values[r] = float(sums[r]) * rows.scales[r] * scale;
    dropped[r] = values[r] < threshold;
  }
  for (size_t r = 0; r < rows.count; r++) {
    if (!dropped[r]) keep(rows, r, q, values[r], norms[r]);
  }
}

// Counts of bits are exact, and the score follows from them alone.
void TopKSearch::Worker::look_at_bits(const Rows& rows, size_t q) {
  const uint32_t* const counts = counts_.data();
  const ScoredRows none = {nullptr, 0, 0};
  const auto score = [&](uint32_t count) {
    const double sum = count;
    return score_of(in_.metric, {nullptr, 0}, none, &sum, 0);
  };
  // How many bits the k-th best has, where that is known: worse counts need not be looked at.
  const bool fewer = in_.metric != Metric::kDot;
  uint32_t limit = fewer ? UINT32_MAX : 0;
  if (kth_[q] != 0) {
    const double goodness = key_goodness(kth_[q]);
    const double bits = fewer ? (in_.metric == Metric::kL2 ? goodness * goodness : -goodness) : goodness;
    // One more for the rounding of a root; counts themselves are exact, and many rows have the same one.
    const double slack = in_.metric == Metric::kL2 ? 1 : 0;
    limit = uint32_t(std::clamp(fewer ? std::ceil(bits) + slack : std::floor(bits), 0.0, 4294967295.0));
  }
  scored_ += rows.count;
  bool raised = false;
  const auto visit = [&](auto stays) {
    constexpr size_t kStep = 32;
    for (size_t r = 0; r < rows.count; r += kStep) {
      const size_t end = std::min(rows.count, r + kStep);
      int any = 0;
      for (size_t i = r; i < end; i++) any |= stays(counts[i]);
      for (size_t i = r; any && i < end; i++) {
        if (stays(counts[i])) raised |= push(q, score(counts[i]), rows.number(i));
      }
    }
  };
  if (fewer) {
    visit([limit](uint32_t count) { return count <= limit; });
  } else {
    visit([limit](uint32_t count) { return count >= limit; });
  }
  if (raised) publish(q);
}

}  // namespace embedlane
