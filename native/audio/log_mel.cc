#include "log_mel.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "../kernels/dispatch.h"

namespace embedlane {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLeast = -std::numeric_limits<double>::infinity();

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

// Whether the kernels have a pass that does both.
bool pair(size_t first, size_t second) {
  return (first == 4 && (second == 4 || second == 2)) || (first == 5 && second == 5);
}

// Twiddle factors behind the butterflies of a pass that starts from `length`.
std::vector<double> twiddles(size_t radix, size_t length) {
  std::vector<double> result;
  for (size_t p = 0; p < length / radix; p++) {
    for (size_t k = 1; k < radix; k++) {
      const double angle = -2 * kPi * double(p * k) / double(length);
      result.push_back(std::cos(angle));
      result.push_back(std::sin(angle));
    }
  }
  return result;
}

// Where a transform in place by these radices leaves the values of a frequency.
size_t place(size_t frequency, const std::vector<size_t>& radices, size_t length) {
  size_t at = 0;
  for (const size_t radix : radices) {
    length /= radix;
    at += frequency % radix * length;
    frequency /= radix;
  }
  return at;
}

double* aligned(std::vector<double>& values) {
  constexpr uintptr_t kMask = 63;
  return reinterpret_cast<double*>((reinterpret_cast<uintptr_t>(values.data()) + kMask) & ~kMask);
}

}  // namespace

bool LogMel::supports(size_t fft_size) {
  return fft_size >= 4 && fft_size % 2 == 0 && !factors(fft_size / 2).empty();
}

LogMel::LogMel(const MelInput& input) : input_(input), kernel_(kernel_for(current_level())), most_(kLeast) {
  const size_t half = input.fft_size / 2;
  for (size_t t = 0; t < input.fft_size; t++) half_window_.push_back(input.window[t] / 2);
  const std::vector<size_t> radices = factors(half);
  size_t length = half;
  for (const size_t radix : radices) {
    twiddles_.push_back(twiddles(radix, length));
    length /= radix;
  }
  for (size_t i = 0; i < radices.size(); i++) {
    FftPass step = {radices[i], 1, twiddles_[i].data(), nullptr};
    if (i + 1 < radices.size() && pair(radices[i], radices[i + 1])) {
      i++;
      step.second = radices[i];
      step.second_twiddles = twiddles_[i].data();
    }
    passes_.push_back(step);
  }
  for (size_t k = 0; k < half; k++) order_.push_back(uint32_t(place(k, radices, half)));
  for (size_t k = 0; k <= half / 2; k++) {
    const double angle = -2 * kPi * double(k) / double(input.fft_size);
    split_.push_back(std::cos(angle));
    split_.push_back(std::sin(angle));
  }
  plan_ = {input.fft_size, half_window_.data(), passes_.data(), passes_.size(), order_.data(), split_.data(),
           input.mels,     input.starts,        input.counts,   input.weights,  input.floor};
  quiet_ = std::log10(input.floor);
}

void LogMel::work(const std::atomic<bool>& cancelled) {
  std::vector<double> scratch(mel_scratch(input_.fft_size) + 8);
  Bench bench;
  bench.scratch = aligned(scratch);
  std::fill_n(bench.most, kFrames, kLeast);
  for (size_t unit = next_++; unit < units(); unit = next_++) {
    if (cancelled.load(std::memory_order_relaxed)) return;
    const size_t end = std::min(input_.frames, (unit + 1) * kUnitFrames);
    size_t frame = unit * kUnitFrames;
    while (frame < end) {
      const size_t loud = fill_silent(frame, end);
      if (loud > frame) {
        raise(quiet_);
        frame = loud;
        continue;
      }
      const size_t count = std::min(kFrames, end - frame);
      compute(frame, count, bench);
      frame += count;
    }
  }
  raise(*std::max_element(bench.most, bench.most + kFrames));
}

void LogMel::raise(double most) {
  const std::lock_guard lock(mutex_);
  most_ = std::max(most_, most);
}

// Writes frames that hear nothing, and returns the first that does.
size_t LogMel::fill_silent(size_t frame, size_t end) const {
  size_t loud = frame;
  while (loud < end && silent(loud)) loud++;
  for (size_t m = 0; m < input_.mels; m++) {
    std::fill(input_.out + m * input_.frames + frame, input_.out + m * input_.frames + loud, float(quiet_));
  }
  return loud;
}

void LogMel::compute(size_t frame, size_t count, Bench& bench) const {
  size_t hop = input_.hop;
  const float* samples = inside(frame);
  if (!samples) {
    hop = input_.fft_size;
    bench.samples.resize(kFrames * hop);
    for (size_t i = 0; i < count; i++) {
      const ptrdiff_t from = ptrdiff_t((frame + i) * input_.hop) - ptrdiff_t(hop / 2);
      for (size_t t = 0; t < hop; t++) bench.samples[i * hop + t] = sample(from + ptrdiff_t(t));
    }
    samples = bench.samples.data();
  }
  if (count == kFrames) {
    return kernel_(plan_, samples, hop, bench.scratch, input_.out + frame, input_.frames, bench.most);
  }
  bench.values.resize(input_.mels * kFrames);
  double most[kFrames];
  std::fill_n(most, kFrames, kLeast);
  kernel_(plan_, samples, hop, bench.scratch, bench.values.data(), kFrames, most);
  for (size_t i = 0; i < count; i++) bench.most[i] = std::max(bench.most[i], most[i]);
  for (size_t m = 0; m < input_.mels; m++) {
    std::copy_n(bench.values.data() + m * kFrames, count, input_.out + m * input_.frames + frame);
  }
}

float LogMel::sample(ptrdiff_t index) const {
  const ptrdiff_t last = ptrdiff_t(input_.total) - 1;
  if (index < 0) index = -index;
  if (index > last) index = 2 * last - index;
  return index >= 0 && size_t(index) < input_.sample_count ? input_.samples[index] : 0;
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

void LogMel::finish() {
  if (!input_.whisper) return;
  float* const values = input_.out;
  const float least = float(most_) - 8.0f;
  for (size_t i = 0; i < input_.mels * input_.frames; i++) {
    values[i] = ((values[i] > least ? values[i] : least) + 4.0f) / 4.0f;
  }
}

}  // namespace embedlane
