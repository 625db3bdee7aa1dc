#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// Weights of one direction as a kernel wants them for its inner loop over a row's RGB pixels.
struct PackedTaps {
  size_t outputs;
  const uint32_t* starts;  // first input pixel of each output
  const uint32_t* steps;   // so many steps of ResampleKernels::step taps
  const uint8_t* packed;   // [outputs][stride]
  size_t stride;
};

// One instruction set's resampling. Sums are exact 32-bit integers, so every level gives the same bytes:
// clamp((2^21 + sum) >> 22) with 22-bit weights below kMaxWeight in magnitude.
struct ResampleKernels {
  // Taps per step of `across`, and bytes of packed weights per step.
  size_t step;
  size_t step_bytes;
  // Packs steps * step weights, the surplus of which are zero.
  void (*pack)(const int32_t* weights, size_t steps, uint8_t* packed);
  // Resamples `rows` rows of RGB pixels in width. Reads up to kOverread bytes behind the taps of a step.
  void (*across)(const uint8_t* pixels, size_t stride, size_t rows, const PackedTaps& taps, uint8_t* out,
                 size_t out_stride);
  // One row of output bytes: sums `taps` rows of `bytes` bytes.
  void (*down)(const uint8_t* pixels, size_t stride, const int32_t* weights, size_t taps, size_t bytes,
               uint8_t* out);
};

constexpr int32_t kMaxWeight = (1 << 23) - (1 << 16);
constexpr size_t kOverread = 16;

const ResampleKernels& scalar_resample() noexcept;
const ResampleKernels& avx2_resample() noexcept;
const ResampleKernels& avx512_resample() noexcept;
const ResampleKernels& neon_resample() noexcept;

}  // namespace embedlane
