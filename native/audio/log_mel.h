#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "frames.h"

namespace embedlane {

// A request for the log-mel spectrogram of one window of audio.
struct MelInput {
  const float* samples;
  size_t sample_count;  // at most `total`
  size_t total;         // samples of the window: zeros follow the given ones; more than fft_size / 2
  size_t fft_size;      // even, with no prime factor above 5
  size_t hop;
  const double* window;  // [fft_size]
  size_t mels;
  const uint32_t* starts;
  const uint32_t* counts;
  const double* weights;
  double floor;
  bool whisper;   // whether the result is scaled as Whisper does: x = (max(x, most - 8) + 4) / 4, in float32
  size_t frames;  // at most total / hop + 1
  float* out;     // [mels][frames]
};

// Short-time Fourier transform of a signal that is mirrored at both ends (without repeating the outermost
// sample), centred on multiples of `hop`; energies summed in mel bands; log10.
class LogMel {
 public:
  explicit LogMel(const MelInput& input);

  // Whether fft_size can be done.
  static bool supports(size_t fft_size);

  size_t units() const { return (input_.frames + kUnitFrames - 1) / kUnitFrames; }

  // Takes frames until none are left or `cancelled`. Throws std::bad_alloc.
  void work(const std::atomic<bool>& cancelled);

  void finish();

 private:
  static constexpr size_t kUnitFrames = 8 * kFrames;

  // What one thread needs.
  struct Bench {
    double* scratch;
    std::vector<float> samples;  // of kFrames frames that reach over an end
    std::vector<float> values;   // of fewer frames than kFrames
    double most[kFrames];
  };

  float sample(ptrdiff_t index) const;
  bool silent(size_t frame) const;
  const float* inside(size_t frame) const;
  size_t fill_silent(size_t frame, size_t end) const;
  void compute(size_t frame, size_t count, Bench& bench) const;
  void raise(double most);

  MelInput input_;
  MelKernel kernel_;
  std::vector<double> half_window_;
  std::vector<std::vector<double>> twiddles_;
  std::vector<FftPass> passes_;
  std::vector<uint32_t> order_;
  std::vector<double> split_;
  MelPlan plan_;
  double quiet_;  // log10 of the floor
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  double most_;  // largest value of all frames
};

}  // namespace embedlane
