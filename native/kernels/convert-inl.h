// Conversions between element types. Included by kernels-inl.h.
//
// The including file defines `struct H`, which works on kCount floats: from_f16, to_f16 (rounding to nearest,
// ties to even), positive (bit i: x[i] > 0). The rest are plain loops: each output element stands alone, so
// the compiler's vectorisation cannot change a bit.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "half-inl.h"
#include "kernels.h"

namespace embedlane {
namespace {

void convert_from_f16(const uint16_t* x, size_t n, float* out) {
  size_t i = 0;
  for (; i + H::kCount <= n; i += H::kCount) H::from_f16(x + i, out + i);
  for (; i < n; i++) out[i] = f16_to_f32(x[i]);
}

void convert_to_f16(const float* x, size_t n, uint16_t* out) {
  size_t i = 0;
  for (; i + H::kCount <= n; i += H::kCount) H::to_f16(x + i, out + i);
  for (; i < n; i++) out[i] = f32_to_f16(x[i]);
}

void convert_from_bf16(const uint16_t* x, size_t n, float* out) {
  for (size_t i = 0; i < n; i++) out[i] = bf16_to_f32(x[i]);
}

void convert_to_bf16(const float* x, size_t n, uint16_t* out) {
  for (size_t i = 0; i < n; i++) out[i] = f32_to_bf16(x[i]);
}

// As bits: their order is that of the sizes, NaN above infinity, and an integer maximum is vectorised.
float largest_size(const float* x, size_t n) {
  uint32_t largest = 0;
  for (size_t i = 0; i < n; i++) {
    const uint32_t size = bits_of_float(x[i]) & 0x7fffffff;
    largest = size > largest ? size : largest;
  }
  return float_of_bits(largest);
}

void bucket(const float* x, const float* starts, const float* steps, size_t n, uint8_t flip, uint8_t* out) {
  for (size_t i = 0; i < n; i++) {
    // Between the limits, the conversion's truncation is the floor. NaN fails the comparison.
    float place = (x[i] - starts[i]) / steps[i];
    place = place > 0.0f ? place : 0.0f;
    place = place < 255.0f ? place : 255.0f;
    out[i] = uint8_t(int32_t(place)) ^ flip;
  }
}

void unbucket(const uint8_t* x, const float* starts, const float* steps, size_t n, uint8_t flip, float* out) {
  for (size_t i = 0; i < n; i++) {
    out[i] = float(double(uint8_t(x[i] ^ flip)) * double(steps[i]) + double(starts[i]));
  }
}

void to_scaled(const float* x, float scale, size_t n, int8_t* out) {
  // Adding and subtracting 1.5 · 2^23 rounds to an integer, ties to even.
  constexpr float kRound = 12582912.0f;
  for (size_t i = 0; i < n; i++) {
    float place = x[i] / scale;
    place = place > -127.0f ? place : -127.0f;
    place = place < 127.0f ? place : 127.0f;
    out[i] = int8_t(int32_t(place + kRound - kRound));
  }
}

void from_scaled(const int8_t* x, float scale, size_t n, float* out) {
  for (size_t i = 0; i < n; i++) out[i] = float(x[i]) * scale;
}

// Reverses the bits of each byte.
EMBEDLANE_INLINE uint64_t mirror_bytes(uint64_t x) {
  x = (x & 0x5555555555555555) << 1 | (x >> 1 & 0x5555555555555555);
  x = (x & 0x3333333333333333) << 2 | (x >> 2 & 0x3333333333333333);
  return (x & 0x0f0f0f0f0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f0f0f0f0f);
}

void pack_bits(const float* x, size_t n, uint8_t flip, uint8_t* out) {
  size_t i = 0;
  for (; i + 64 <= n; i += 64) {
    uint64_t bits = 0;
    EMBEDLANE_UNROLL
    for (int j = 0; j < 64; j += H::kCount) bits |= uint64_t(H::positive(x + i + j)) << j;
    bits = mirror_bytes(bits) ^ flip * uint64_t(0x0101010101010101);
    for (int j = 0; j < 8; j++) *out++ = uint8_t(bits >> 8 * j);
  }
  while (i < n) {
    uint8_t byte = 0;
    for (int bit = 7; bit >= 0 && i < n; bit--) byte |= uint8_t((x[i++] > 0.0f) << bit);
    *out++ = byte ^ flip;
  }
}

void unpack_bits(const uint8_t* x, size_t n, uint8_t flip, float* out) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const uint32_t byte = *x++ ^ flip;
    EMBEDLANE_UNROLL
    for (int j = 0; j < 8; j++) out[i + j] = float(byte >> (7 - j) & 1);
  }
  for (int bit = 7; i < n; bit--) out[i++] = float((*x ^ flip) >> bit & 1);
}

constexpr Conversions kConversions = {
    convert_from_f16, convert_to_f16, convert_from_bf16, convert_to_bf16, largest_size, bucket,
    unbucket,         to_scaled,      from_scaled,       pack_bits,       unpack_bits,
};

}  // namespace
}  // namespace embedlane
