// Complex Fourier transform of kLanes signals side by side, in place.

#include "frames.h"
#include "lanes-inl.h"

namespace embedlane {
namespace {

struct C {
  T re, im;
};

EMBEDLANE_INLINE C operator+(const C& a, const C& b) { return {a.re + b.re, a.im + b.im}; }
EMBEDLANE_INLINE C operator-(const C& a, const C& b) { return {a.re - b.re, a.im - b.im}; }
EMBEDLANE_INLINE C operator*(const C& a, double b) { return {a.re * b, a.im * b}; }
// a · (cosine + i · sine)
EMBEDLANE_INLINE C turn(const C& a, double cosine, double sine) {
  return {a.re * cosine - a.im * sine, a.re * sine + a.im * cosine};
}
// -i · a
EMBEDLANE_INLINE C quarter(const C& a) { return {a.im, T{} - a.re}; }

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
  } else if constexpr (radix == 5) {
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

// Decimation in frequency (W. M. Gentleman, G. Sande, Fast Fourier Transforms for fun and profit, 1966), two
// passes at once, so that the values between them stay in registers. A second radix of 1 stands for a single
// pass. Behind the last pass nothing is left to turn.
template <int radix, int second, bool last>
void pass(const FftPass& step, size_t length, size_t size, C* data) {
  constexpr int kValues = radix * second;
  const size_t m = length / kValues;
  for (C* block = data; block != data + size; block += length) {
    const double* after_second = step.second_twiddles;
    for (size_t p = 0; p < m; p++, after_second += 2 * (second - 1)) {
      C a[kValues];
      EMBEDLANE_UNROLL
      for (int j = 0; j < kValues; j++) a[j] = block[p + m * size_t(j)];
      EMBEDLANE_UNROLL
      for (int i = 0; i < second; i++) {
        C b[radix];
        EMBEDLANE_UNROLL
        for (int j = 0; j < radix; j++) b[j] = a[i + second * j];
        butterfly<radix>(b);
        const double* after_first = step.twiddles + 2 * (radix - 1) * (p + m * size_t(i));
        a[i] = b[0];
        EMBEDLANE_UNROLL
        for (int k = 1; k < radix; k++) {
          const double *cosine = after_first + 2 * (k - 1), *sine = cosine + 1;
          a[i + second * k] = last && i == 0 ? b[k] : turn(b[k], *cosine, *sine);
        }
      }
      EMBEDLANE_UNROLL
      for (int k = 0; k < radix; k++) {
        C* const b = a + second * k;
        C* const out = block + p + m * size_t(second * k);
        butterfly<second>(b);
        out[0] = b[0];
        EMBEDLANE_UNROLL
        for (int q = 1; q < second; q++) {
          const double *cosine = after_second + 2 * (q - 1), *sine = cosine + 1;
          out[m * size_t(q)] = last ? b[q] : turn(b[q], *cosine, *sine);
        }
      }
    }
  }
}

template <int radix, int second>
void pass(const FftPass& step, size_t length, size_t size, C* data) {
  if (length == radix * second) {
    pass<radix, second, true>(step, length, size, data);
  } else {
    pass<radix, second, false>(step, length, size, data);
  }
}

// The values of frequency k end up at plan.order[k].
void transform(const MelPlan& plan, C* data) {
  const size_t size = plan.fft_size / 2;
  size_t length = size;
  for (size_t i = 0; i < plan.pass_count; i++) {
    const FftPass& step = plan.passes[i];
    switch (10 * step.radix + step.second) {
      case 20 + 1:
        pass<2, 1>(step, length, size, data);
        break;
      case 30 + 1:
        pass<3, 1>(step, length, size, data);
        break;
      case 40 + 1:
        pass<4, 1>(step, length, size, data);
        break;
      case 40 + 2:
        pass<4, 2>(step, length, size, data);
        break;
      case 40 + 4:
        pass<4, 4>(step, length, size, data);
        break;
      case 50 + 1:
        pass<5, 1>(step, length, size, data);
        break;
      default:
        pass<5, 5>(step, length, size, data);
    }
    length /= step.radix * step.second;
  }
}

}  // namespace
}  // namespace embedlane
