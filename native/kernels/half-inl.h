// Scalar conversions from half-width floats, by their bits. Internal linkage, see kernels-inl.h.
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

EMBEDLANE_INLINE float bf16_to_f32(uint16_t bits) { return float_of_bits(uint32_t(bits) << 16); }

}  // namespace
}  // namespace embedlane
