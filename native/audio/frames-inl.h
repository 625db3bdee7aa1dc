// The log-mel kernel, compiled once per instruction set: include it from one file each, see
// kernels/kernels-inl.h for what such a file may not do.
//
// The including file defines, in an unnamed namespace, kLanes, which divides kFrames, and
//   kColumns    a number of samples
//   columns     out[t * kLanes + i] = samples[i * hop + t] * window[t] for t < kColumns and i < kLanes

#include "fft-inl.h"

namespace embedlane {
namespace {

// Samples times the window, [fft_size][kLanes].
void gather(const MelPlan& plan, const float* samples, size_t hop, double* out) {
  size_t t = 0;
  for (; t + kColumns <= plan.fft_size; t += kColumns) {
    columns(samples + t, hop, plan.window + t, out + t * kLanes);
  }
  for (; t < plan.fft_size; t++) {
    for (size_t i = 0; i < kLanes; i++) {
      out[t * kLanes + i] = double(samples[i * hop + t]) * plan.window[t];
    }
  }
}

EMBEDLANE_INLINE T energy(const T& re, const T& im) { return re * re + im * im; }

// Energies of the bins 0 … n / 2 of a real signal whose even and odd samples were transformed as one complex
// signal, of half the signal's size: this leaves out the halves in (a + b) / 2. What the bins k and n / 2 - k
// are made of is conjugate.
void energies(const MelPlan& plan, const C* z, T* out) {
  const size_t half = plan.fft_size / 2;
  for (size_t k = 0; k <= half / 2; k++) {
    const C& a = z[plan.order[k]];
    const C& b = z[plan.order[k == 0 ? 0 : half - k]];
    const C even = {a.re + b.re, a.im - b.im};
    const C odd = turn({a.im + b.im, b.re - a.re}, plan.split[2 * k], plan.split[2 * k + 1]);
    out[half - k] = energy(even.re - odd.re, odd.im - even.im);
    out[k] = energy(even.re + odd.re, even.im + odd.im);
  }
}

constexpr double kLog10Of2 = 0.30102999566398119521;
constexpr double k2OverLn10 = 0.86858896380650365530;
constexpr double kSqrt2 = 1.41421356237309504880;

// log10 of positive normal numbers: exponent, and the series of artanh for the mantissa in [√½, √2), whose
// first neglected term is below 1e-13.
EMBEDLANE_INLINE T log10_of(const T& x) {
  const T one = all_lanes(1), sqrt2 = all_lanes(kSqrt2);
  const T stored = mantissa_of(x);
  const T mantissa = stored * where_greater(stored, sqrt2, all_lanes(0.5), one);
  const T exponent =
      two52_and_exponent_of(x) - (4503599627370496.0 + 1023.0) + where_greater(stored, sqrt2, one, T{});
  const T s = (mantissa - one) / (mantissa + one);
  const T z = s * s;
  T sum = all_lanes(1.0 / 15);
  sum = sum * z + 1.0 / 13;
  sum = sum * z + 1.0 / 11;
  sum = sum * z + 1.0 / 9;
  sum = sum * z + 1.0 / 7;
  sum = sum * z + 1.0 / 5;
  sum = sum * z + 1.0 / 3;
  sum = sum * z + 1.0;
  return exponent * kLog10Of2 + s * sum * k2OverLn10;
}

void mel_lanes(const MelPlan& plan, const float* samples, size_t hop, double* scratch, float* out,
               size_t stride, double* most) {
  // Even samples are the real parts, odd ones the imaginary parts: that is how they lie already.
  C* const data = reinterpret_cast<C*>(scratch);
  gather(plan, samples, hop, scratch);
  transform(plan, data);
  T* const bins = reinterpret_cast<T*>(data + plan.fft_size / 2);
  energies(plan, data, bins);
  const double* weights = plan.weights;
  const T floor = all_lanes(plan.floor);
  T largest = load_lanes(most);
  for (size_t m = 0; m < plan.mels; m++) {
    const T* const first = bins + plan.starts[m];
    T sum = {};
    for (size_t i = 0; i < plan.counts[m]; i++) sum = sum + first[i] * weights[i];
    weights += plan.counts[m];
    const T value = log10_of(where_greater(sum, floor, sum, floor));
    largest = where_greater(value, largest, value, largest);
    store_floats(out + m * stride, value);
  }
  store_lanes(most, largest);
}

void mel(const MelPlan& plan, const float* samples, size_t hop, double* scratch, float* out, size_t stride,
         double* most) {
  for (size_t i = 0; i < kFrames; i += kLanes) {
    mel_lanes(plan, samples + i * hop, hop, scratch, out + i, stride, most + i);
  }
}

}  // namespace
}  // namespace embedlane
