// The log-mel kernel, compiled once per instruction set: include it from one file each, see
// kernels/kernels-inl.h for what such a file may not do.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/compiler.h"
#include "frames.h"

namespace embedlane {
namespace {

// One value of each frame.
struct F {
  double v[kFrames];
};

EMBEDLANE_INLINE F operator+(const F& a, const F& b) {
  F r;
  for (size_t i = 0; i < kFrames; i++) r.v[i] = a.v[i] + b.v[i];
  return r;
}

EMBEDLANE_INLINE F operator-(const F& a, const F& b) {
  F r;
  for (size_t i = 0; i < kFrames; i++) r.v[i] = a.v[i] - b.v[i];
  return r;
}

EMBEDLANE_INLINE F operator*(const F& a, double b) {
  F r;
  for (size_t i = 0; i < kFrames; i++) r.v[i] = a.v[i] * b;
  return r;
}

EMBEDLANE_INLINE F operator*(const F& a, const F& b) {
  F r;
  for (size_t i = 0; i < kFrames; i++) r.v[i] = a.v[i] * b.v[i];
  return r;
}

// Complex.
struct C {
  F re, im;
};

EMBEDLANE_INLINE C operator+(const C& a, const C& b) { return {a.re + b.re, a.im + b.im}; }
EMBEDLANE_INLINE C operator-(const C& a, const C& b) { return {a.re - b.re, a.im - b.im}; }
EMBEDLANE_INLINE C operator*(const C& a, double b) { return {a.re * b, a.im * b}; }
// a · (cosine + i · sine)
EMBEDLANE_INLINE C turn(const C& a, double cosine, double sine) {
  return {a.re * cosine - a.im * sine, a.re * sine + a.im * cosine};
}
// -i · a
EMBEDLANE_INLINE C quarter(const C& a) { return {a.im, F{} - a.re}; }

constexpr double kSin60 = 0.86602540378443864676;
constexpr double kCos72 = 0.30901699437494742410;
constexpr double kSin72 = 0.95105651629515357212;
constexpr double kCos144 = -0.80901699437494742410;
constexpr double kSin144 = 0.58778525229247312917;

// Discrete Fourier transform of `radix` values, in place.
template <int radix>
EMBEDLANE_INLINE void butterfly(C* a) {
  if constexpr (radix == 2) {
    const C sum = a[0] + a[1];
    a[1] = a[0] - a[1];
    a[0] = sum;
  } else if constexpr (radix == 3) {
    const C sum = a[1] + a[2];
    const C side = quarter(a[1] - a[2]) * kSin60;
    const C middle = a[0] - sum * 0.5;
    a[0] = a[0] + sum;
    a[1] = middle + side;
    a[2] = middle - side;
  } else if constexpr (radix == 4) {
    const C even = a[0] + a[2], odd = a[1] + a[3];
    const C even_difference = a[0] - a[2], odd_difference = quarter(a[1] - a[3]);
    a[0] = even + odd;
    a[1] = even_difference + odd_difference;
    a[2] = even - odd;
    a[3] = even_difference - odd_difference;
  } else {
    const C sum1 = a[1] + a[4], sum2 = a[2] + a[3];
    const C difference1 = quarter(a[1] - a[4]), difference2 = quarter(a[2] - a[3]);
    const C middle1 = a[0] + sum1 * kCos72 + sum2 * kCos144;
    const C middle2 = a[0] + sum1 * kCos144 + sum2 * kCos72;
    const C side1 = difference1 * kSin72 + difference2 * kSin144;
    const C side2 = difference1 * kSin144 - difference2 * kSin72;
    a[0] = a[0] + sum1 + sum2;
    a[1] = middle1 + side1;
    a[2] = middle2 + side2;
    a[3] = middle2 - side2;
    a[4] = middle1 - side1;
  }
}

// One pass of the Stockham transform (decimation in frequency; C. Van Loan, Computational Frameworks for the
// Fast Fourier Transform, 1992): no reordering of the data, before or after.
template <int radix>
void pass(const double* twiddles, size_t length, size_t stride, const C* in, C* out) {
  const size_t m = length / radix;
  for (size_t p = 0; p < m; p++, twiddles += 2 * (radix - 1)) {
    for (size_t q = 0; q < stride; q++) {
      C a[radix];
      for (int j = 0; j < radix; j++) a[j] = in[q + stride * (p + m * size_t(j))];
      butterfly<radix>(a);
      out[q + stride * radix * p] = a[0];
      for (int k = 1; k < radix; k++) {
        out[q + stride * (radix * p + size_t(k))] = turn(a[k], twiddles[2 * k - 2], twiddles[2 * k - 1]);
      }
    }
  }
}

// Returns which of the two buffers has the result.
C* transform(const MelPlan& plan, C* data, C* other) {
  size_t length = plan.fft_size / 2, stride = 1;
  for (size_t i = 0; i < plan.pass_count; i++) {
    const FftPass& step = plan.passes[i];
    switch (step.radix) {
      case 2:
        pass<2>(step.twiddles, length, stride, data, other);
        break;
      case 3:
        pass<3>(step.twiddles, length, stride, data, other);
        break;
      case 4:
        pass<4>(step.twiddles, length, stride, data, other);
        break;
      default:
        pass<5>(step.twiddles, length, stride, data, other);
    }
    length /= step.radix;
    stride *= step.radix;
    C* const swap = data;
    data = other;
    other = swap;
  }
  return data;
}

EMBEDLANE_INLINE F energy(const C& bin) { return bin.re * bin.re + bin.im * bin.im; }

// Energies of the bins 0 … n / 2 of a real signal whose even and odd samples were transformed as one complex
// signal. The halves of bin n / 2 - k are the conjugates of those of bin k.
void energies(const MelPlan& plan, const C* z, F* out) {
  const size_t half = plan.fft_size / 2;
  for (size_t k = 0; k <= half / 2; k++) {
    const C& a = z[k];
    const C& b = z[k == 0 ? 0 : half - k];
    const C even = {(a.re + b.re) * 0.5, (a.im - b.im) * 0.5};
    const C odd = {(a.im + b.im) * 0.5, (b.re - a.re) * 0.5};
    const double* split = plan.split + 2 * k;
    out[k] = energy(even + turn(odd, split[0], split[1]));
    split = plan.split + 2 * (half - k);
    const C mirrored = {odd.re * split[0] + odd.im * split[1], odd.re * split[1] - odd.im * split[0]};
    out[half - k] = energy({even.re + mirrored.re, mirrored.im - even.im});
  }
}

constexpr double kLog10Of2 = 0.30102999566398119521;
constexpr double k2OverLn10 = 0.86858896380650365530;
constexpr double kSqrt2 = 1.41421356237309504880;

// log10 of numbers, at least that of `floor`, a positive normal one, in place: exponent, and the series of
// artanh for the mantissa in [√½, √2), whose first neglected term is below 1e-13. All of a group's numbers at
// once: compilers make vectors of a long loop, not of one over the frames.
void log10_all(double* x, size_t count, double floor) {
  for (size_t i = 0; i < count; i++) {
    const double value = x[i] > floor ? x[i] : floor;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    // 2^52 + exponent, exactly, by the bits of a double of that size.
    const uint64_t exponent_bits = (bits >> 52) | 0x4330000000000000u;
    const uint64_t mantissa_bits = (bits & 0x000fffffffffffffu) | 0x3ff0000000000000u;
    double exponent, mantissa;
    memcpy(&exponent, &exponent_bits, sizeof exponent);
    memcpy(&mantissa, &mantissa_bits, sizeof mantissa);
    // Without branches, which would keep some compilers from making vectors.
    const bool upper = mantissa > kSqrt2;
    exponent = exponent - (4503599627370496.0 + 1023.0) + (upper ? 1.0 : 0.0);
    mantissa *= upper ? 0.5 : 1.0;
    const double s = (mantissa - 1) / (mantissa + 1);
    const double z = s * s;
    double sum = 1.0 / 15;
    sum = sum * z + 1.0 / 13;
    sum = sum * z + 1.0 / 11;
    sum = sum * z + 1.0 / 9;
    sum = sum * z + 1.0 / 7;
    sum = sum * z + 1.0 / 5;
    sum = sum * z + 1.0 / 3;
    sum = sum * z + 1.0;
    x[i] = exponent * kLog10Of2 + s * sum * k2OverLn10;
  }
}

// Samples times the window, [fft_size][kFrames].
void gather(const MelPlan& plan, const float* samples, F* out) {
  for (size_t t = 0; t < plan.fft_size; t++) {
    F x;
    for (size_t i = 0; i < kFrames; i++) x.v[i] = double(samples[i * plan.hop + t]);
    out[t] = x * plan.window[t];
  }
}

void mel(const MelPlan& plan, const float* samples, double* scratch, double* out) {
  const size_t half = plan.fft_size / 2;
  // Even samples are the real parts, odd ones the imaginary parts: that is how they lie already.
  if (samples) gather(plan, samples, reinterpret_cast<F*>(scratch));
  C* const data = reinterpret_cast<C*>(scratch);
  C* const other = data + half;
  const C* const spectrum = transform(plan, data, other);
  F* const energy = reinterpret_cast<F*>(other + half);
  energies(plan, spectrum, energy);
  const double* weights = plan.weights;
  for (size_t m = 0; m < plan.mels; m++) {
    F sum = {};
    for (size_t i = 0; i < plan.counts[m]; i++) sum = sum + energy[plan.starts[m] + i] * weights[i];
    weights += plan.counts[m];
    memcpy(out + m * kFrames, &sum, sizeof sum);
  }
  log10_all(out, plan.mels * kFrames, plan.floor);
}

}  // namespace
}  // namespace embedlane
