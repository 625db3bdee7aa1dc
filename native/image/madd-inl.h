// Resampling on x86, compiled once per instruction set by the file that includes it; see kernels-inl.h for
// what may not appear here.
//
// The multiplication of bytes and 22-bit weights is split: weight = high * 2^12 + low, whose halves fit the
// 16-bit multiply-add (two taps per 32-bit sum), which is several times cheaper than a 32-bit multiplication.
//
// The including file defines, in an unnamed namespace, `struct I`, a vector of kBytes bytes, with
//   load, store, zero, set (32-bit lanes), add, shift_left<n>, shift_right<n>, madd,
//   unpack_low, unpack_high (bytes, within 128-bit lanes), pack_signed (32 to 16 bits), pack_unsigned (16 to
//   8) kTaps, pixels    kTaps RGB pixels as 16-bit pairs (r0 r1 g0 g1 b0 b1 0 0) in each 128-bit lane
//   sum_lanes        the sum of the 128-bit lanes as __m128i
#include "kernels.h"

namespace embedlane {
namespace {

constexpr int kLowBits = 12;
constexpr int32_t kLowMask = (1 << kLowBits) - 1;
constexpr int kRowsAtOnce = 4;

inline uint8_t rounded(int32_t sum) {
  const int32_t value = (sum + (1 << 21)) >> 22;
  return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
}

EMBEDLANE_INLINE uint32_t pair(int32_t a, int32_t b) {
  return uint32_t(uint16_t(a)) | uint32_t(uint16_t(b)) << 16;
}

void pack(const int32_t* weights, size_t steps, uint8_t* packed) {
  constexpr int kLanes = I::kBytes / 16;
  for (size_t s = 0; s < steps; s++, weights += I::kTaps) {
    uint32_t* high = reinterpret_cast<uint32_t*>(packed + s * 2 * I::kBytes);
    uint32_t* low = high + I::kBytes / 4;
    for (int lane = 0; lane < kLanes; lane++) {
      const int32_t a = weights[2 * lane], b = weights[2 * lane + 1];
      for (int i = 0; i < 4; i++) {
        high[4 * lane + i] = pair(a >> kLowBits, b >> kLowBits);
        low[4 * lane + i] = pair(a & kLowMask, b & kLowMask);
      }
    }
  }
}

template <int kRows>
EMBEDLANE_INLINE void across_rows(const uint8_t* pixels, size_t stride, const PackedTaps& taps, uint8_t* out,
                                  size_t out_stride) {
  for (size_t i = 0; i < taps.outputs; i++) {
    const uint8_t* p = pixels + 3 * size_t(taps.starts[i]);
    const uint8_t* w = taps.packed + i * taps.stride;
    I::T high[kRows], low[kRows];
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) high[r] = low[r] = I::zero();
    for (size_t s = taps.steps[i]; s > 0; s--, p += 3 * I::kTaps, w += 2 * I::kBytes) {
      const I::T weight_high = I::load(w);
      const I::T weight_low = I::load(w + I::kBytes);
      EMBEDLANE_UNROLL
      for (int r = 0; r < kRows; r++) {
        const I::T values = I::pixels(p + r * stride);
        high[r] = I::add(high[r], I::madd(values, weight_high));
        low[r] = I::add(low[r], I::madd(values, weight_low));
      }
    }
    EMBEDLANE_UNROLL
    for (int r = 0; r < kRows; r++) {
      const __m128i sum = I::sum_lanes(I::add(I::shift_left<kLowBits>(high[r]), low[r]));
      const __m128i value = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << 21)), 22);
      const __m128i words = _mm_packs_epi32(value, value);
      const uint32_t bytes = uint32_t(_mm_cvtsi128_si32(_mm_packus_epi16(words, words)));
      uint8_t* o = out + r * out_stride + 3 * i;
      o[0] = uint8_t(bytes);
      o[1] = uint8_t(bytes >> 8);
      o[2] = uint8_t(bytes >> 16);
    }
  }
}

void across(const uint8_t* pixels, size_t stride, size_t rows, const PackedTaps& taps, uint8_t* out,
            size_t out_stride) {
  size_t y = 0;
  for (; y + kRowsAtOnce <= rows; y += kRowsAtOnce) {
    across_rows<kRowsAtOnce>(pixels + y * stride, stride, taps, out + y * out_stride, out_stride);
  }
  for (; y < rows; y++) across_rows<1>(pixels + y * stride, stride, taps, out + y * out_stride, out_stride);
}

EMBEDLANE_INLINE void down_block(const uint8_t* pixels, size_t stride, const int32_t* weights, size_t taps,
                                 uint8_t* out) {
  I::T high[4], low[4];
  EMBEDLANE_UNROLL
  for (int i = 0; i < 4; i++) high[i] = low[i] = I::zero();
  for (size_t t = 0; t < taps; t += 2) {
    const uint8_t* row = pixels + t * stride;
    const bool two = t + 1 < taps;
    const int32_t first = weights[t], second = two ? weights[t + 1] : 0;
    const I::T a = I::load(row), b = I::load(two ? row + stride : row);
    const I::T weight_high = I::set(pair(first >> kLowBits, second >> kLowBits));
    const I::T weight_low = I::set(pair(first & kLowMask, second & kLowMask));
    const I::T pairs_low = I::unpack_low(a, b), pairs_high = I::unpack_high(a, b);
    const I::T values[4] = {I::unpack_low(pairs_low, I::zero()), I::unpack_high(pairs_low, I::zero()),
                            I::unpack_low(pairs_high, I::zero()), I::unpack_high(pairs_high, I::zero())};
    EMBEDLANE_UNROLL
    for (int i = 0; i < 4; i++) {
      high[i] = I::add(high[i], I::madd(values[i], weight_high));
      low[i] = I::add(low[i], I::madd(values[i], weight_low));
    }
  }
  I::T sums[4];
  EMBEDLANE_UNROLL
  for (int i = 0; i < 4; i++) {
    const I::T sum = I::add(I::add(I::shift_left<kLowBits>(high[i]), low[i]), I::set(1 << 21));
    sums[i] = I::shift_right<22>(sum);
  }
  I::store(out, I::pack_unsigned(I::pack_signed(sums[0], sums[1]), I::pack_signed(sums[2], sums[3])));
}

void down(const uint8_t* pixels, size_t stride, const int32_t* weights, size_t taps, size_t bytes,
          uint8_t* out) {
  if (bytes < I::kBytes) {
    for (size_t x = 0; x < bytes; x++) {
      int32_t sum = 0;
      for (size_t t = 0; t < taps; t++) sum += int32_t(pixels[t * stride + x]) * weights[t];
      out[x] = rounded(sum);
    }
    return;
  }
  // The last block overlaps the one before it.
  for (size_t x = 0; x < bytes; x += I::kBytes) {
    const size_t start = x + I::kBytes <= bytes ? x : bytes - I::kBytes;
    down_block(pixels + start, stride, weights, taps, out + start);
  }
}

constexpr ResampleKernels kResample = {I::kTaps, 2 * I::kBytes, pack, across, down};

}  // namespace
}  // namespace embedlane
