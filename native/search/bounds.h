#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../kernels/tiles.h"
#include "order.h"

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

  // What is known of a query. Where 8-bit codes are scanned, x ≈ scale · code on both sides, and f is the dot
  // product of those. With e the differences, q·x - f = e_q·x + (q - e_q)·e_x, which ‖e_q‖‖x‖ and ‖q -
  // e_q‖‖e_x‖ bound.
  struct Query {
    double square;     // ‖q‖²
    double norm;       // ‖q‖
    double per_norm;   // E, as far as it grows with the row's norm,
    double per_error;  // and with ‖e_x‖
    bool usable;
  };
  // `code_norm` is ‖q - e_q‖ and `code_error` ‖e_q‖; zeros where there are no codes.
  Query query(double square, double code_norm, double code_error) const {
    const double norm = std::sqrt(square);
    return {square, norm, slack_ * norm + code_error * (1 + kCodeMargin), code_norm * (1 + kCodeMargin),
            usable_ && square >= kMinNorm * kMinNorm && square <= kMaxNorm * kMaxNorm};
  }

  // Sets A and B for a query whose k-th best goodness so far is `kth` (NaN: fewer than k found), and what the
  // threshold has more for a row's ‖e_x‖.
  void threshold(const Query& query, float kth, float* base, float* slope, float* error_slope) const {
    *base = -kInfinity;
    *slope = *error_slope = 0;
    if (!query.usable || !(kth > *base)) return;
    const double u = 0x1p-24;
    const double underflow = (double(dims_) + 8) * 0x1p-125;
    const double goodness = kth, size = std::fabs(goodness);
    *slope = round_down(-query.per_norm);
    *error_slope = round_down(-query.per_error);
    switch (metric_) {
      case Metric::kDot:
        *base = round_down(goodness - 6 * u * size - underflow);
        return;
      case Metric::kCosine:
        *base = round_down(-underflow);
        *slope = round_down((goodness - size * slack_) * query.norm - query.per_norm);
        return;
      default: {
        const double limit = goodness * goodness;
        *base = round_down((query.square - limit) / 2 - 6 * u * (query.square + limit) - underflow);
      }
    }
  }

  // The other direction, of rows that passed: between which goodnesses (see order.h) is their canonical one?
  struct Range {
    float low, high;
  };
  // `value` is the filter's, `norm` as it uses it, `error` of the row's code. Nothing known: -Inf to +Inf.
  // From |value - q·x| <= E, in float64, as above:
  //   dot     value ± E, and 2u of it
  //   cosine  (value ± E) / ‖q‖‖x‖, and slack of it for the norm's own error
  //   l2      the root of ‖q‖² + ‖x‖² - 2(value ± E), and slack of the squares for the norm's own error
  Range range(const Query& query, float value, float norm, float error) const {
    if (!(query.usable && usable(norm) && std::fabs(value) <= kLargest)) return {-kInfinity, kInfinity};
    const double u = 0x1p-24;
    const double underflow = (double(dims_) + 8) * 0x1p-125;
    const double width = query.per_norm * double(norm) + query.per_error * double(error) + underflow;
    const double dot = value;
    double low, high;
    switch (metric_) {
      case Metric::kDot: {
        const double more = width + 4 * u * (std::fabs(dot) + width);
        low = dot - more;
        high = dot + more;
        break;
      }
      case Metric::kCosine: {
        const double inverse = 1 / (query.norm * double(norm));
        const double cosine = dot * inverse, part = width * inverse;
        const double more = part + slack_ * (std::fabs(cosine) + part);
        low = cosine - more;
        high = cosine + more;
        break;
      }
      default: {
        const double squares = query.square + double(norm) * double(norm);
        const double distance = squares - 2 * dot, more = 2 * width + 2 * slack_ * squares;
        const double most = distance + more, least = distance - more;
        low = -std::sqrt(most > 0 ? most : 0) * (1 + 4 * u);
        high = -std::sqrt(least > 0 ? least : 0) * (1 - 4 * u);
      }
    }
    // More than the rounding to float32.
    return {float(low - std::fabs(low) * (2 * u) - kTiny), float(high + std::fabs(high) * (2 * u) + kTiny)};
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

  static bool usable(float norm) { return (norm >= float(kMinNorm)) & (norm <= float(kMaxNorm)); }
  static float round_down(double x) {
    if (x < -double(kLargest)) return -kInfinity;
    const float rounded = float(std::min(x, double(kLargest)));
    if (double(rounded) <= x) return rounded;
    const uint32_t bits = std::bit_cast<uint32_t>(rounded);
    if (rounded == 0) return -std::numeric_limits<float>::denorm_min();
    return std::bit_cast<float>(rounded < 0 ? bits + 1 : bits - 1);
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
