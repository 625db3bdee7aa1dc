#include "log_mel.h"

#include <algorithm>
#include <cmath>

#include "../kernels/dispatch.h"

namespace embedlane {
namespace {

constexpr double kPi = 3.14159265358979323846;

MelKernel kernel_for(Level level) {
  switch (level) {
#if defined(__x86_64__) || defined(_M_X64)
    case Level::kAvx2:
      return avx2_mel;
    case Level::kAvx512:
    case Level::kAvx512Vnni:
      return avx512_mel;
#elif defined(__aarch64__) || defined(_M_ARM64)
    case Level::kNeon:
    case Level::kNeonDotprod:
      return neon_mel;
#endif
    default:
      return scalar_mel;
  }
}

// Fours first: they take the fewest operations.
std::vector<size_t> factors(size_t n) {
  std::vector<size_t> result;
  for (const size_t radix : {4, 2, 5, 3}) {
    for (; n % radix == 0; n /= radix) result.push_back(radix);
  }
  if (n != 1) result.clear();
  return result;
}

}  // namespace

bool LogMel::supports(size_t fft_size) {
  return fft_size >= 4 && fft_size % 2 == 0 && !factors(fft_size / 2).empty();
}

LogMel::LogMel(const MelInput& input) : input_(input), kernel_(kernel_for(current_level())) {
  const size_t half = input.fft_size / 2;
  size_t length = half;
  for (const size_t radix : factors(half)) {
    std::vector<double>& twiddles = twiddles_.emplace_back();
    for (size_t p = 0; p < length / radix; p++) {
      for (size_t k = 1; k < radix; k++) {
        const double angle = -2 * kPi * double(p * k) / double(length);
        twiddles.push_back(std::cos(angle));
        twiddles.push_back(std::sin(angle));
      }
    }
    passes_.push_back({radix, twiddles.data()});
    length /= radix;
  }
  for (size_t k = 0; k <= half; k++) {
    const double angle = -2 * kPi * double(k) / double(input.fft_size);
    split_.push_back(std::cos(angle));
    split_.push_back(std::sin(angle));
  }
  plan_ = {input.fft_size, input.hop,    input.window, passes_.data(), passes_.size(), split_.data(),
           input.mels,     input.starts, input.counts, input.weights,  input.floor};
  quiet_ = std::log10(input.floor);
}

void LogMel::work(const std::atomic<bool>& cancelled) {
  std::vector<double> scratch(4 * input_.fft_size * kFrames);
  std::vector<double> values(input_.mels * kFrames);
  for (size_t unit = next_++; unit < units(); unit = next_++) {
    if (cancelled.load(std::memory_order_relaxed)) return;
    const size_t end = std::min(input_.frames, (unit + 1) * kUnitFrames);
    for (size_t frame = unit * kUnitFrames; frame < end; frame += kFrames) {
      compute(frame, std::min(kFrames, end - frame), scratch.data(), values.data());
    }
  }
}

void LogMel::compute(size_t frame, size_t count, double* scratch, double* values) const {
  bool all_silent = true;
  for (size_t i = 0; i < count; i++) all_silent = all_silent && silent(frame + i);
  if (!all_silent) {
    const float* samples = inside(frame);
    if (!samples) gather(frame, scratch);
    kernel_(plan_, samples, scratch, values);
  }
  for (size_t m = 0; m < input_.mels; m++) {
    float* out = input_.out + m * input_.frames + frame;
    for (size_t i = 0; i < count; i++) out[i] = float(all_silent ? quiet_ : values[m * kFrames + i]);
  }
}

double LogMel::sample(ptrdiff_t index) const {
  const ptrdiff_t last = ptrdiff_t(input_.total) - 1;
  if (index < 0) index = -index;
  if (index > last) index = 2 * last - index;
  return index >= 0 && size_t(index) < input_.sample_count ? double(input_.samples[index]) : 0;
}

// Whether a frame sees nothing but the zeros behind the samples.
bool LogMel::silent(size_t frame) const {
  const ptrdiff_t half = ptrdiff_t(input_.fft_size / 2);
  const ptrdiff_t from = ptrdiff_t(frame * input_.hop) - half;
  const ptrdiff_t mirrored = 2 * (ptrdiff_t(input_.total) - 1) - (from + 2 * half - 1);
  return std::min(from, mirrored) >= ptrdiff_t(input_.sample_count);
}

// Where kFrames frames begin that lie within the samples, or null.
const float* LogMel::inside(size_t frame) const {
  const size_t half = input_.fft_size / 2, first = frame * input_.hop;
  const size_t end = (frame + kFrames - 1) * input_.hop + half;
  return first >= half && end <= input_.sample_count ? input_.samples + (first - half) : nullptr;
}

void LogMel::gather(size_t frame, double* windowed) const {
  const ptrdiff_t half = ptrdiff_t(input_.fft_size / 2);
  for (size_t i = 0; i < kFrames; i++) {
    const ptrdiff_t from = ptrdiff_t((frame + i) * input_.hop) - half;
    for (size_t t = 0; t < input_.fft_size; t++) {
      windowed[t * kFrames + i] = sample(from + ptrdiff_t(t)) * input_.window[t];
    }
  }
}

void whisper_scale(float* values, size_t count) {
  float most = values[0];
  for (size_t i = 1; i < count; i++) most = std::max(most, values[i]);
  const float least = most - 8.0f;
  for (size_t i = 0; i < count; i++) values[i] = (std::max(values[i], least) + 4.0f) / 4.0f;
}

}  // namespace embedlane
