#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "half-inl.h"

namespace embedlane {
namespace {

// Portable C++.
struct V {
  using D = double;
  static constexpr int kD = 1;
  static D zero_d() { return 0; }
  static D widen(const float* p) { return *p; }
  static D widen_f16(const uint16_t* p) { return f16_to_f32(*p); }
  static D widen_bf16(const uint16_t* p) { return bf16_to_f32(*p); }
  static D set_d(double x) { return x; }
  static D load_d(const double* p) { return *p; }
  static void store_d(double* p, D a) { *p = a; }
  static D add(D a, D b) { return a + b; }
  static D sub(D a, D b) { return a - b; }
  static D mul(D a, D b) { return a * b; }
  static D fma(D a, D b, D c) { return a * b + c; }
  static D abs(D a) { return fabs(a); }
  static double sum(D a) { return a; }

  static void prefetch(const void*) {}
  static void prefetch_far(const void*) {}

  static constexpr int kRows = 1;
  static constexpr int kTileB = 2;
  static void sums(const D (&v)[kTileB], double* out) {
    for (int j = 0; j < kTileB; j++) out[j] = sum(v[j]);
  }
};

struct H {
  static constexpr int kCount = 1;
  static void from_f16(const uint16_t* p, float* out) { *out = f16_to_f32(*p); }
  static void to_f16(const float* p, uint16_t* out) { *out = f32_to_f16(*p); }
  static uint32_t positive(const float* p) { return *p > 0.0f; }
};

struct I {
  struct B {
    uint8_t v[16];
  };
  struct S {
    int32_t v[16];
  };
  static constexpr size_t kBytes = 16;
  static constexpr bool kBiased = false;
  static constexpr int kRows = 1;
  static B load(const uint8_t* p) {
    B all;
    memcpy(all.v, p, kBytes);
    return all;
  }
  static B load_part(const uint8_t* p, size_t n) {
    B part{};
    memcpy(part.v, p, n);
    return part;
  }
  static B zero_bytes() { return {}; }
  static B bits_and(B a, B b) {
    for (size_t i = 0; i < kBytes; i++) a.v[i] &= b.v[i];
    return a;
  }
  static B bits_xor(B a, B b) {
    for (size_t i = 0; i < kBytes; i++) a.v[i] ^= b.v[i];
    return a;
  }
  static B flip(B a) {
    for (size_t i = 0; i < kBytes; i++) a.v[i] ^= 0x80;
    return a;
  }
  static B distance_u8(B a, B b) {
    for (size_t i = 0; i < kBytes; i++) a.v[i] = uint8_t(a.v[i] > b.v[i] ? a.v[i] - b.v[i] : b.v[i] - a.v[i]);
    return a;
  }

  static S zero() { return {}; }
  static S dot_i8(S sum, B a, B b) {
    for (size_t i = 0; i < kBytes; i++) sum.v[i] += int8_t(a.v[i]) * int8_t(b.v[i]);
    return sum;
  }
  static S dot_u8(S sum, B a, B b) {
    for (size_t i = 0; i < kBytes; i++) sum.v[i] += a.v[i] * b.v[i];
    return sum;
  }
  static S square_u8(S sum, B a) { return dot_u8(sum, a, a); }
  static S add_u8(S sum, B a) {
    for (size_t i = 0; i < kBytes; i++) sum.v[i] += a.v[i];
    return sum;
  }
  static S count_bits(S sum, B a) {
    for (size_t i = 0; i < kBytes; i++) {
      uint8_t bits = a.v[i];
      bits = uint8_t(bits - (bits >> 1 & 0x55));
      bits = uint8_t((bits & 0x33) + (bits >> 2 & 0x33));
      sum.v[i] += (bits + (bits >> 4)) & 15;
    }
    return sum;
  }
  static int64_t total_products(S sum) {
    int64_t total = 0;
    for (const int32_t lane : sum.v) total += lane;
    return total;
  }
  static int64_t total_counts(S sum) { return total_products(sum); }
};

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

const embedlane::Kernels& embedlane::scalar_kernels() noexcept { return kKernels; }
