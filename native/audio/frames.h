#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// Frames that a kernel is given at once: a multiple of the elements of every instruction set's vectors.
constexpr size_t kFrames = 8;

// One or two passes of the Fourier transform, of radix 2, 3, 4 or 5, and the twiddle factors (cosine, sine)
// behind them: radix - 1 for each of the length / radix butterflies, where length is what the pass starts
// from. The pairs are (4, 4), (4, 2) and (5, 5); `second` is 1 for a single pass.
struct FftPass {
  size_t radix, second;
  const double* twiddles;
  const double* second_twiddles;
};

// What turns samples into log-mel values.
struct MelPlan {
  size_t fft_size;        // n, even
  const double* window;   // [fft_size], half of what the samples are to be multiplied with
  const FftPass* passes;  // of a complex transform of n / 2
  size_t pass_count;
  const uint32_t* order;  // [n / 2]: where the transform leaves each frequency
  const double* split;    // cosine and sine of -2πk / n for k = 0 … n / 4
  size_t mels;
  const uint32_t* starts;  // first frequency bin of each mel band
  const uint32_t* counts;  // number of bins of each mel band
  const double* weights;   // of all bands, one after the other
  double floor;            // least energy
};

// Doubles of scratch memory, aligned to 64 bytes, that a kernel needs.
constexpr size_t mel_scratch(size_t fft_size) { return kFrames * (fft_size + fft_size / 2 + 1); }

// log10(max(energy, floor)) of the mel bands of kFrames frames that begin `hop` samples after each other, as
// [mels][kFrames] with `stride` values from band to band. `most` is raised to the largest of each frame.
//
// Double precision throughout, elementwise across frames and without fused multiply-adds: the same bits on
// every instruction set.
using MelKernel = void (*)(const MelPlan& plan, const float* samples, size_t hop, double* scratch, float* out,
                           size_t stride, double* most);

void scalar_mel(const MelPlan&, const float*, size_t, double*, float*, size_t, double*);
void avx2_mel(const MelPlan&, const float*, size_t, double*, float*, size_t, double*);
void avx512_mel(const MelPlan&, const float*, size_t, double*, float*, size_t, double*);
void neon_mel(const MelPlan&, const float*, size_t, double*, float*, size_t, double*);

}  // namespace embedlane
