#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "../kernels/tiles.h"
#include "order.h"
#include "survivor.h"

namespace embedlane {

// When may the filter drop a row? It computes f, a float32 dot product, and drops the row if
//   f < T(query, row) = A + B·norm + C,   A, B per query; norm, C per row; evaluated in float32.
// T is chosen so that f < T proves: the row's canonical score is worse than the query's k-th best. With
// u = 2^-24 and γ = n·u / (1 - n·u), n the longest chain of rounded operations (contract in tiles.h):
//
//   |f - q·x| <= γ‖q‖‖x‖ + dims·2^-125            (Higham 2002, 3.1, Cauchy-Schwarz; underflow to zero)
//   dot     q·x >= kth - 2u|kth|                     for every x that could still enter
//   cosine  q·x >= (kth - 2u)‖q‖‖x‖
//   l2      q·x >= (‖q‖² - kth²(1 + 4u)) / 2 + ‖x‖² / 2
//
// A row's norm is the root of a float32 sum with relative error at most γ (half that after the root), or the
// rounded true norm. Each of A, B and C is lowered by at least 4u of its size, which covers the two roundings
// of T. Everything on the query's side is computed in float64 and rounded down.
//
// All this needs the absence of overflow. A partial sum is at most ‖q‖‖x‖, so it is enough that both norms
// are at most 10^18; a row or query outside (or with a NaN, or so small that underflow matters: an element
// below 2^-126 adds less than 2^-126‖q‖, far below u‖q‖‖x‖) gets T = -Inf: it always goes to the canonical
// step.
//
// Elements may be integer codes times a scale. Then f is the codes' exact sum, rounded to float32 and times
// both scales: three roundings, which u‖q‖‖x‖ has room for.
class FilterBounds {
 public:
  FilterBounds(Metric metric, size_t dims) : metric_(metric), dims_(dims) {
    const double u = 0x1p-24;
    const double n =
        std::max(double(kFilterDepth), double(dims) / 8) + double(dims) / double(kFilterDepth) + 16;
    const double gamma = n * u / (1 - n * u);
    // Beyond, the second-order terms below are no longer covered by 1 %.
    usable_ = n * u < 1e-3;
    slack_ = 1.01 * gamma + 16 * u;
    half_ = float(0.5 * (1 - slack_ - 8 * u));
  }

  // Sets B and A for a query whose k-th best goodness so far is `kth` (NaN: fewer than k found). `square` is
  // ‖q‖².
  void query(double square, float kth, float* base, float* slope) const {
    *base = -std::numeric_limits<float>::infinity();
    *slope = 0;
    if (!usable_ || !(kth > *base)) return;
    if (!(square >= kMinNorm * kMinNorm && square <= kMaxNorm * kMaxNorm)) return;
    const double u = 0x1p-24;
    const double norm = std::sqrt(square);
    const double underflow = (double(dims_) + 8) * 0x1p-125;
    switch (metric_) {
      case Metric::kDot:
        *base = round_down(double(kth) - 6 * u * std::fabs(double(kth)) - underflow);
        *slope = round_down(-slack_ * norm);
        return;
      case Metric::kCosine:
        *base = round_down(-underflow);
        *slope = round_down((double(kth) - slack_ - std::fabs(double(kth)) * slack_) * norm);
        return;
      default: {
        const double limit = double(kth) * double(kth);
        *base = round_down((square - limit) / 2 - 6 * u * (square + limit) - underflow);
        *slope = round_down(-slack_ * norm);
        return;
      }
    }
  }

  // The same for codes of 8 bits: x ≈ scale · code on both sides, and f is the dot product of those. With e
  // the differences, q·x - f = e_q·x + (q - e_q)·e_x, so the threshold has ‖e_q‖‖x‖ and ‖q - e_q‖‖e_x‖ less.
  void query(double square, float kth, double code_norm, double code_error, float* base, float* slope,
             float* error_slope) const {
    query(square, kth, base, slope);
    *error_slope = 0;
    if (*base == -std::numeric_limits<float>::infinity()) return;
    *slope = round_down(double(*slope) - code_error * (1 + kCodeMargin));
    *error_slope = round_down(-code_norm * (1 + kCodeMargin));
  }

  // The other direction, of rows that passed: between which goodnesses (see order.h) are their canonical
  // ones? `code_norm` and `code_error` of the query as above; zeros where there are no codes. Nothing known:
  // -Inf to +Inf. From |value - q·x| <= E, in float64, as above:
  //   dot     value ± E, and 2u of it
  //   cosine  (value ± E) / ‖q‖‖x‖, and slack of it for the norm's own error
  //   l2      the root of ‖q‖² + ‖x‖² - 2(value ± E), and slack of the squares for the norm's own error
  void ranges(double square, double code_norm, double code_error, const Survivor* survivors, size_t count,
              float* lows, float* highs) const {
    const bool usable_query = usable_ && square >= kMinNorm * kMinNorm && square <= kMaxNorm * kMaxNorm;
    const double u = 0x1p-24;
    const double norm = std::sqrt(square);
    const double per_norm = slack_ * norm + code_error * (1 + kCodeMargin);
    const double per_error = code_norm * (1 + kCodeMargin);
    const double underflow = (double(dims_) + 8) * 0x1p-125;
    const double slack = slack_;
    const auto each = [=](auto range) {
      // Without branches: several at a time.
      for (size_t i = 0; i < count; i++) {
        const Survivor& row = survivors[i];
        const double value = row.value, width = per_norm * row.norm + per_error * row.error + underflow;
        const auto [low, high] = range(value, width, double(row.norm));
        const bool known =
            usable_query & usable(row.norm) & (row.value >= -kLargest) & (row.value <= kLargest);
        // More than the rounding to float32.
        lows[i] = known ? float(low - std::fabs(low) * (2 * u) - kTiny) : -kInfinity;
        highs[i] = known ? float(high + std::fabs(high) * (2 * u) + kTiny) : kInfinity;
      }
    };
    switch (metric_) {
      case Metric::kDot:
        return each([=](double value, double width, double) {
          const double more = width + 4 * u * (std::fabs(value) + width);
          return Interval{value - more, value + more};
        });
      case Metric::kCosine:
        return each([=](double value, double width, double row_norm) {
          const double inverse = 1 / (norm * row_norm), cosine = value * inverse, part = width * inverse;
          const double more = part + slack * (std::fabs(cosine) + part);
          return Interval{cosine - more, cosine + more};
        });
      default:
        return each([=](double value, double width, double row_norm) {
          const double squares = square + row_norm * row_norm;
          const double distance = squares - 2 * value, more = 2 * width + 2 * slack * squares;
          const double most = distance + more, least = distance - more;
          return Interval{-std::sqrt(most > 0 ? most : 0) * (1 + 4 * u),
                          -std::sqrt(least > 0 ? least : 0) * (1 - 4 * u)};
        });
    }
  }

  // Writes the norms and C of `count` rows. Of l2, C = ‖x‖² / 2, which `half_` shrinks: the root's rounding
  // (twice), the square's, the product's and its own are 5u.
  void rows(const float* norms, size_t count, float* used_norms, float* offsets) const {
    const float half = metric_ == Metric::kL2 ? half_ : 0;
    for (size_t r = 0; r < count; r++) {
      const float norm = norms[r];
      const bool used = usable(norm);
      used_norms[r] = used ? norm : 0;
      offsets[r] = used ? norm * norm * half : -std::numeric_limits<float>::infinity();
    }
  }

 private:
  // More roundings of T, and those of the norms.
  static constexpr double kCodeMargin = 0x1p-20;
  static constexpr double kMaxNorm = 1e18;
  static constexpr double kMinNorm = 1e-12;

  struct Interval {
    double low, high;
  };
  static bool usable(float norm) { return (norm >= float(kMinNorm)) & (norm <= float(kMaxNorm)); }
  static float round_down(double x) {
    const float rounded = float(std::clamp(x, -double(kLargest), double(kLargest)));
    if (x < -double(kLargest)) return -std::numeric_limits<float>::infinity();
    return double(rounded) > x ? std::nextafter(rounded, -std::numeric_limits<float>::infinity()) : rounded;
  }
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // Of float32, and more than its smallest.
  static constexpr double kTiny = 0x1p-148;
  static constexpr float kLargest = std::numeric_limits<float>::max();

  Metric metric_;
  size_t dims_;
  double slack_;
  float half_;
  bool usable_;
};

}  // namespace embedlane
