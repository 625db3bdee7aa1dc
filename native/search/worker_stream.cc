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
    for (size_t q = packed_; q < group_; q++) {
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
  if (scan_.coded) {
    row_kernels(s_.all_kernels_, Dtype::kI8)
        .dots(scanned_query(q), scanned, rows.stride, count, in_.dims, sums);
    return;
  }
  const ScoredRows scored = {scanned, rows.stride, count, rows.scales};
  sum_rows(s_.kernels_, in_.metric, in_.dims, scored_query(q), scored, sums, sums + rows.count);
}

void TopKSearch::Worker::look(const Rows& rows, size_t q) {
  if (scan_.coded) return look_at_codes(rows, q);
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

}  // namespace embedlane
