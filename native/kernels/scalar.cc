#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

// Portable C++: arrays of four floats, which every compiler maps to its baseline vectors.
struct V {
  using D = double;
  static constexpr int kD = 1;
  static D zero_d() { return 0; }
  static D widen(const float* p) { return *p; }
  static D add(D a, D b) { return a + b; }
  static D sub(D a, D b) { return a - b; }
  static D mul(D a, D b) { return a * b; }
  static D fma(D a, D b, D c) { return a * b + c; }
  static D abs(D a) { return fabs(a); }
  static double sum(D a) { return a; }

  struct F {
    float v[4];
  };
  static constexpr int kF = 4;
  static F zero() { return {}; }
  static F load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
  static F set(float x) { return {{x, x, x, x}}; }
  static void store(float* p, F a) {
    for (int i = 0; i < kF; i++) p[i] = a.v[i];
  }
  static F add(F a, F b) {
    for (int i = 0; i < kF; i++) a.v[i] += b.v[i];
    return a;
  }
  static F fma(F a, F b, F c) {
    for (int i = 0; i < kF; i++) c.v[i] += a.v[i] * b.v[i];
    return c;
  }
  static uint32_t passes(F a, F threshold) {
    uint32_t mask = 0;
    for (int i = 0; i < kF; i++) mask |= uint32_t(!(a.v[i] < threshold.v[i])) << i;
    return mask;
  }
  static void transpose(const float* in, size_t in_stride, float* out, size_t out_stride) {
    for (int i = 0; i < kF; i++) {
      for (int r = 0; r < kF; r++) out[i * out_stride + r] = in[r * in_stride + i];
    }
  }

  static void prefetch(const float*) {}

  static constexpr int kRows = 1;
  static constexpr int kStep = 4;
  static constexpr int kTiles = 1;
  static constexpr int kPanel = 2;
};

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

const embedlane::Kernels& embedlane::scalar_kernels() { return kKernels; }
