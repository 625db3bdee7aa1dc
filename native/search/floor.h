#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "scores.h"

namespace embedlane {

// Which of many sums (see sum_rows) could give a score as good as the k-th best? A few operations per row
// instead of the score's root and division, in loops that compilers turn into vector code: where memory is
// the limit, what is not scanning holds it up.
//
// Conditions are necessary ones: sums are exact to some 2^-50 and scores are rounded to float32, so a margin
// of 10^-6 covers everything. NaN always stays. Nothing here overflows or underflows: elements are at most
// float32, so squares of sums are within 10^-180 and 10^180.
class ScoreFloor {
 public:
  // `kth` is the k-th best goodness so far; NaN: none.
  ScoreFloor(Metric metric, const ScoredQuery& query, const ScoredRows& rows, float kth)
      : metric_(metric), rows_(rows) {
    const double goodness = double(kth) - std::fabs(double(kth)) * kMargin;
    switch (metric) {
      case Metric::kDot:
        limit_ = goodness - kSmallest;
        scale_ = query.scale;
        return;
      case Metric::kCosine: {
        const double cosine = goodness - kMargin;
        limit_ = cosine * std::fabs(cosine) * query.square;
        return;
      }
      case Metric::kL2:
        // Scaled codes: every sum stays, they are not what is compared.
        limit_ = rows.scales ? std::numeric_limits<double>::infinity() : goodness * goodness + kSmallest;
        return;
      case Metric::kL1:
        limit_ = kSmallest - goodness;
        return;
      case Metric::kJaccard:  // no search has it
        return;
    }
  }

  // Calls `stay` for each row that could.
  template <class Stay>
  void visit(const double* sums, Stay stay) const {
    const double* squares = sums + rows_.count;
    const double limit = limit_;
    switch (metric_) {
      case Metric::kDot:
        if (rows_.scales) {
          const double scale = scale_;
          const float* scales = rows_.scales;
          return each([=](size_t r) { return sums[r] * (scale * double(scales[r])) < limit; }, stay);
        }
        return each([=](size_t r) { return sums[r] < limit; }, stay);
      case Metric::kCosine:
        return each([=](size_t r) { return sums[r] * std::fabs(sums[r]) < limit * squares[r]; }, stay);
      default:
        return each([=](size_t r) { return sums[r] > limit; }, stay);
    }
  }

 private:
  static constexpr double kMargin = 1e-6;
  static constexpr double kSmallest = 1e-44;

  template <class Drop, class Stay>
  void each(Drop drop, Stay stay) const {
    constexpr size_t kRun = 16;
    size_t r = 0;
    for (; r + kRun <= rows_.count; r += kRun) {
      int dropped = 0;
      for (size_t i = 0; i < kRun; i++) dropped += drop(r + i);
      if (dropped == kRun) continue;
      for (size_t i = 0; i < kRun; i++) {
        if (!drop(r + i)) stay(r + i);
      }
    }
    for (; r < rows_.count; r++) {
      if (!drop(r)) stay(r);
    }
  }

  Metric metric_;
  ScoredRows rows_;
  double limit_ = std::numeric_limits<double>::infinity();
  double scale_ = 1;
};

}  // namespace embedlane
