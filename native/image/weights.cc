#include "weights.h"

#include <algorithm>
#include <cmath>

namespace embedlane {
namespace {

constexpr double kPi = 3.14159265358979323846;

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

double hamming(double x) {
  x = std::fabs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x = x * kPi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // single precision, as in Pillow
}

// Keys' cubic with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * kPi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Kernel {
  double (*value)(double);
  double support;
};

Kernel kernel_of(Filter filter) {
  switch (filter) {
    case Filter::kLanczos:
      return {lanczos, 3.0};
    case Filter::kBilinear:
      return {bilinear, 1.0};
    case Filter::kBox:
      return {box, 0.5};
    case Filter::kHamming:
      return {hamming, 1.0};
    default:
      return {bicubic, 2.0};
  }
}

}  // namespace

Weights resample_weights(const ResizeAxis& axis, Filter filter) {
  const bool same = axis.resized == axis.canvas;
  const Kernel kernel = kernel_of(filter);
  const double scale = double(axis.canvas) / double(axis.resized);
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.support * filter_scale;
  const double inverse = 1.0 / filter_scale;

  Weights weights;
  weights.outputs = axis.window;
  // As many as Pillow makes room for, but no more than there are pixels.
  weights.stride = same ? 1 : std::min(axis.image, size_t(std::ceil(support)) * 2 + 1);
  weights.starts.resize(axis.window);
  weights.counts.resize(axis.window);
  weights.values.resize(axis.window * weights.stride);
  weights.begin = axis.image;
  std::vector<double> row;
  for (size_t i = 0; i < axis.window; i++) {
    const ptrdiff_t position = axis.window_start + ptrdiff_t(i);
    if (position < 0 || size_t(position) >= axis.resized) continue;
    size_t first = size_t(position), last = size_t(position) + 1;
    row.assign(1, 1.0);
    if (!same) {
      const double center = (double(position) + 0.5) * scale;
      first = size_t(std::max(center - support + 0.5, 0.0));
      last = std::min(size_t(center + support + 0.5), axis.canvas);
      row.resize(last - first);
      double sum = 0;
      for (size_t j = 0; j < row.size(); j++) {
        row[j] = kernel.value((double(j) + double(first) - center + 0.5) * inverse);
        sum += row[j];
      }
      if (sum != 0.0) {
        for (double& value : row) value /= sum;
      }
    }
    // The canvas around the image is black, so what falls on it adds nothing.
    const size_t begin = std::max(first, axis.offset);
    const size_t end = std::min(last, axis.offset + axis.image);
    if (begin >= end) continue;
    weights.starts[i] = uint32_t(begin - axis.offset);
    weights.counts[i] = uint32_t(end - begin);
    for (size_t j = begin; j < end; j++) {
      const double value = row[j - first] * (1 << kWeightBits);
      weights.values[i * weights.stride + j - begin] = int32_t(value < 0 ? value - 0.5 : value + 0.5);
    }
    weights.begin = std::min(weights.begin, begin - axis.offset);
    weights.end = std::max(weights.end, end - axis.offset);
  }
  weights.begin = std::min(weights.begin, weights.end);
  return weights;
}

std::vector<int64_t> nearest_inputs(const ResizeAxis& axis) {
  std::vector<int64_t> inputs(axis.window, -1);
  const double scale = double(axis.canvas) / double(axis.resized);
  const size_t end =
      size_t(std::clamp<ptrdiff_t>(axis.window_start + ptrdiff_t(axis.window), 0, ptrdiff_t(axis.resized)));
  // Pillow adds step by step, and its rounding with it.
  double position = scale * 0.5;
  for (size_t i = 0; i < end; i++, position += scale) {
    const ptrdiff_t place = ptrdiff_t(i) - axis.window_start;
    const int64_t input = int64_t(position) - int64_t(axis.offset);
    if (place < 0 || input < 0 || input >= int64_t(axis.image)) continue;
    inputs[size_t(place)] = input;
  }
  return inputs;
}

}  // namespace embedlane
