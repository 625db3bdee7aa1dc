// Scalar conversions of half-width floats, by their bits. Internal linkage, see kernels-inl.h.
#pragma once

#include <stdint.h>
#include <string.h>

#include "compiler.h"

namespace embedlane {
namespace {

EMBEDLANE_INLINE float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

EMBEDLANE_INLINE uint32_t bits_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

// Exact. A signalling NaN becomes quiet, as in hardware.
EMBEDLANE_INLINE float f16_to_f32(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16;
  const uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
  if (magnitude >= 0x0f800000) {  // infinity or NaN
    return float_of_bits(sign | 0x7f800000 | magnitude | (magnitude > 0x0f800000 ? 0x00400000 : 0));
  }
  // The exponents' biases differ by 112; the multiplication also normalises subnormal halves.
  return float_of_bits(magnitude) * (sign != 0 ? -0x1p112f : 0x1p112f);
}

// Rounds to nearest, ties to even. A NaN keeps its sign and upper bits and becomes quiet, as in hardware.
EMBEDLANE_INLINE uint16_t f32_to_f16(float value) {
  const uint32_t bits = bits_of_float(value);
  const uint32_t sign = bits >> 16 & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return uint16_t(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x47800000) return uint16_t(sign | 0x7c00);  // 2^16 and above
  if (magnitude < 0x38800000) {
    // Below 2^-14, where halves are subnormal. One half has the same unit in the last place, 2^-24: the
    // addition rounds.
    return uint16_t(sign | (bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3f000000));
  }
  // The exponents' biases differ by 112; a carry may reach the exponent and even infinity, rightly.
  return uint16_t(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

EMBEDLANE_INLINE float bf16_to_f32(uint16_t bits) { return float_of_bits(uint32_t(bits) << 16); }

EMBEDLANE_INLINE uint16_t f32_to_bf16(float value) {
  const uint32_t bits = bits_of_float(value);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return uint16_t((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded);
}

}  // namespace
}  // namespace embedlane
