#include "resample.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels.h"
#include "weights.h"

namespace embedlane {
namespace {

const ResampleKernels& kernels_for(Level level) {
  switch (level) {
#if defined(__x86_64__) || defined(_M_X64)
    case Level::kAvx2:
      return avx2_resample();
    case Level::kAvx512:
    case Level::kAvx512Vnni:
      return avx512_resample();
#elif defined(__aarch64__) || defined(_M_ARM64)
    case Level::kNeon:
    case Level::kNeonDotprod:
      return neon_resample();
#endif
    default:
      return scalar_resample();
  }
}

bool fits(const Weights& weights) {
  return std::all_of(weights.values.begin(), weights.values.end(),
                     [](int32_t value) { return value < kMaxWeight && value > -kMaxWeight; });
}

// Resamples rows in width, whatever the kernel reads behind their ends.
class Across {
 public:
  Across(const ResampleKernels& kernels, const Weights& weights)
      : kernels_(kernels), weights_(weights), steps_(weights.outputs) {
    const size_t most = (weights.stride + kernels.step - 1) / kernels.step;
    stride_ = most * kernels.step_bytes;
    packed_.resize(weights.outputs * stride_);
    std::vector<int32_t> padded(most * kernels.step);
    for (size_t i = 0; i < weights.outputs; i++) {
      const size_t taps = weights.counts[i];
      steps_[i] = uint32_t((taps + kernels.step - 1) / kernels.step);
      std::fill(padded.begin(), padded.end(), 0);
      std::copy_n(weights.values.begin() + ptrdiff_t(i * weights.stride), taps, padded.begin());
      kernels.pack(padded.data(), steps_[i], packed_.data() + i * stride_);
      if (taps > 0) {
        reach_ = std::max(reach_, 3 * (weights.starts[i] + steps_[i] * kernels.step) + kOverread);
      }
    }
  }

  // pixels: [rows][width][3], of which at most `readable` bytes may be read; out: [rows][outputs][3]
  void run(const uint8_t* pixels, size_t width, size_t rows, size_t readable, uint8_t* out) {
    const PackedTaps taps = {weights_.outputs, weights_.starts.data(), steps_.data(), packed_.data(),
                             stride_};
    const size_t stride = 3 * width, out_stride = 3 * weights_.outputs;
    const size_t safe = readable < reach_ ? 0 : std::min(rows, (readable - reach_) / stride + 1);
    kernels_.across(pixels, stride, safe, taps, out, out_stride);
    if (safe < rows) scratch_.resize(std::max(reach_, stride));
    for (size_t y = safe; y < rows; y++) {
      std::memcpy(scratch_.data(), pixels + y * stride, stride);
      kernels_.across(scratch_.data(), stride, 1, taps, out + y * out_stride, out_stride);
    }
  }

 private:
  const ResampleKernels& kernels_;
  const Weights& weights_;
  std::vector<uint32_t> steps_;
  std::vector<uint8_t> packed_;
  std::vector<uint8_t> scratch_;
  size_t stride_;
  size_t reach_ = 0;
};

bool height_first(const Resize& in) {
  const auto height = ptrdiff_t(in.y.canvas) - ptrdiff_t(in.y.resized);
  const auto width = ptrdiff_t(in.x.canvas) - ptrdiff_t(in.x.resized);
  return in.height_first_allowed && height > 0 && height > 2 * width;
}

// Where a resize's rows go, in order: `row` is [x.window][3].
template <class Sink>
void nearest(const Resize& in, Sink&& sink) {
  const std::vector<int64_t> columns = nearest_inputs(in.x);
  const std::vector<int64_t> rows = nearest_inputs(in.y);
  std::vector<uint8_t> row(3 * in.x.window);
  for (size_t y = 0; y < in.y.window; y++) {
    const uint8_t* from = rows[y] < 0 ? nullptr : in.pixels + 3 * size_t(rows[y]) * in.x.image;
    for (size_t x = 0; x < in.x.window; x++) {
      for (size_t c = 0; c < 3; c++) {
        row[3 * x + c] = from != nullptr && columns[x] >= 0 ? from[3 * size_t(columns[x]) + c] : 0;
      }
    }
    sink(y, row.data());
  }
}

template <class Sink>
void resample(const Resize& in, Level level, Sink&& sink) {
  if (in.filter == Filter::kNearest) return nearest(in, sink);
  const Weights x = resample_weights(in.x, in.filter);
  const Weights y = resample_weights(in.y, in.filter);
  const ResampleKernels& kernels = fits(x) && fits(y) ? kernels_for(level) : scalar_resample();
  const size_t width = in.x.image, size = 3 * width * in.y.image;
  std::vector<uint8_t> row(3 * std::max(x.outputs, width) + kOverread);
  Across across(kernels, x);
  const int32_t* values = y.values.data();
  if (height_first(in)) {
    // Only the columns that the second pass reads.
    const size_t begin = 3 * x.begin, bytes = 3 * (x.end - x.begin);
    std::vector<uint8_t> line(3 * width);
    for (size_t i = 0; i < y.outputs; i++) {
      const uint8_t* from = in.pixels + 3 * y.starts[i] * width + begin;
      kernels.down(from, 3 * width, values + i * y.stride, y.counts[i], bytes, line.data() + begin);
      across.run(line.data(), width, 1, line.size(), row.data());
      sink(i, row.data());
    }
    return;
  }
  // Only the rows that the second pass reads.
  const size_t stride = 3 * x.outputs, first = y.begin, rows = y.end - y.begin;
  std::vector<uint8_t> narrow(stride * rows);
  const uint8_t* from = in.pixels + 3 * first * width;
  across.run(from, width, rows, size - 3 * first * width, narrow.data());
  for (size_t i = 0; i < y.outputs; i++) {
    const uint8_t* top = narrow.data() + (y.counts[i] == 0 ? 0 : (y.starts[i] - first) * stride);
    kernels.down(top, stride, values + i * y.stride, y.counts[i], stride, row.data());
    sink(i, row.data());
  }
}

}  // namespace

void resize(const Resize& input, Level level, uint8_t* out) {
  const size_t stride = 3 * input.x.window;
  resample(input, level, [=](size_t y, const uint8_t* row) { std::memcpy(out + y * stride, row, stride); });
}

void resize_to_planes(const Resize& input, Level level, const float* table, float* out) {
  const size_t width = input.x.window, plane = width * input.y.window;
  resample(input, level, [=](size_t y, const uint8_t* row) {
    for (size_t c = 0; c < 3; c++) {
      float* to = out + c * plane + y * width;
      for (size_t x = 0; x < width; x++) to[x] = table[256 * c + row[3 * x + c]];
    }
  });
}

}  // namespace embedlane
