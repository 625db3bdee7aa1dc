#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../kernels/kernels.h"

namespace embedlane {

// Rate conversion by a bank of filters: output n lies at input position (first + n · step) /
// phases_of_position, and is the dot product of the samples around it with the filter of that phase. Filters
// for positions between two of the bank's are interpolated.
struct ResampleInput {
  const float* samples;  // the sample at position 0 is samples[taps / 2 - 1]: enough lie before and behind
  size_t sample_count;
  const float* bank;  // [phases + 1][taps]
  size_t phases;
  size_t taps;
  uint64_t first;  // position of the first output, in units of 1 / denominator of a sample
  uint64_t step;   // between outputs, in the same units
  uint64_t denominator;
  float* out;
  size_t out_count;
};

class Resampling {
 public:
  Resampling(const Kernels& kernels, const ResampleInput& input) : kernels_(kernels), input_(input) {}

  // Whether every output finds the samples that it needs.
  static bool fits(const ResampleInput& input);

  size_t units() const { return (input_.out_count + kUnit - 1) / kUnit; }
  void work(const std::atomic<bool>& cancelled);
  void finish() {}

 private:
  static constexpr size_t kUnit = 4096;

  const Kernels& kernels_;
  ResampleInput input_;
  std::atomic<size_t> next_{0};
};

}  // namespace embedlane
