#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// Frames that a kernel transforms at once, one per element of its vectors.
constexpr size_t kFrames = 8;

// One pass of the Fourier transform: radix 2, 3, 4 or 5, with (radix - 1) twiddle factors (cosine, sine) for
// each of n / radix butterflies, where n is the length that the pass starts from.
struct FftPass {
  size_t radix;
  const double* twiddles;
};

// What turns samples into log-mel values, and where the results go.
struct MelPlan {
  size_t fft_size;        // n, even
  size_t hop;             // samples from frame to frame
  const double* window;   // [fft_size]
  const FftPass* passes;  // of a complex transform of n / 2
  size_t pass_count;
  const double* split;  // cosine and sine of -2πk / n for k = 0 … n / 2
  size_t mels;
  const uint32_t* starts;  // first frequency bin of each mel band
  const uint32_t* counts;  // number of bins of each mel band
  const double* weights;   // of all bands, one after the other
  double floor;            // least energy
};

// kFrames spectra at once, of samples that the first frame begins with. Without samples, `scratch` begins
// with what they are multiplied by the window, [fft_size][kFrames]. `scratch` has room for 4 · fft_size ·
// kFrames; `out` receives log10(max(energy, floor)) as [mels][kFrames].
//
// Double precision throughout, elementwise across frames and without fused multiply-adds: the same bits on
// every instruction set and in the TypeScript fallback.
using MelKernel = void (*)(const MelPlan& plan, const float* samples, double* scratch, double* out);

void scalar_mel(const MelPlan& plan, const float* samples, double* scratch, double* out);
void avx2_mel(const MelPlan& plan, const float* samples, double* scratch, double* out);
void avx512_mel(const MelPlan& plan, const float* samples, double* scratch, double* out);
void neon_mel(const MelPlan& plan, const float* samples, double* scratch, double* out);

}  // namespace embedlane
