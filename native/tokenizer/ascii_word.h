#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>
#endif

namespace embedlane {

// The ASCII letters and digits that a text goes on with, as bytes: a short word is two registers, which can
// be compared and hashed as such. The instructions are those that every x86-64 and every ARM64 has.
struct AsciiWord {
  static constexpr size_t kMost = 16;  // units that are looked at

  uint64_t bytes[2];  // in order, zeros behind the last
  size_t length;      // kMost: the word may go on

  // Reads kMost units, of which the first `count` are the text's.
  static AsciiWord read(const uint16_t* units, size_t count, bool lowercase);
};

namespace ascii_word {

// The first n bytes at kKept + kMost - n are set, the others clear.
alignas(16) inline constexpr uint8_t kKept[2 * AsciiWord::kMost] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                                    255, 255, 255, 255, 255, 255, 255, 255};
constexpr char kCaseBit = 0x20;

}  // namespace ascii_word

// A letter with the case bit is lowercase, and digits have it already.
#if defined(__x86_64__) || defined(_M_X64)

inline AsciiWord AsciiWord::read(const uint16_t* units, size_t count, bool lowercase) {
  const __m128i* from = reinterpret_cast<const __m128i*>(units);
  // What is not ASCII becomes 0, or keeps its high bit.
  const __m128i bytes = _mm_packus_epi16(_mm_loadu_si128(from), _mm_loadu_si128(from + 1));
  const __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(ascii_word::kCaseBit));
  const __m128i letter = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
  const __m128i digit = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const __m128i in_word = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(letter, _mm_set1_epi8(25)), letter),
                                       _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));
  AsciiWord word;
  word.length = std::min(size_t(std::countr_one(uint32_t(_mm_movemask_epi8(in_word)))), count);
  const __m128i kept =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(ascii_word::kKept + kMost - word.length));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(word.bytes), _mm_and_si128(lowercase ? lower : bytes, kept));
  return word;
}

#elif defined(__aarch64__) || defined(_M_ARM64)

inline AsciiWord AsciiWord::read(const uint16_t* units, size_t count, bool lowercase) {
  // What is not ASCII keeps its high bit.
  const uint8x16_t bytes = vcombine_u8(vqmovn_u16(vld1q_u16(units)), vqmovn_u16(vld1q_u16(units + 8)));
  const uint8x16_t lower = vorrq_u8(bytes, vdupq_n_u8(ascii_word::kCaseBit));
  const uint8x16_t in_word = vorrq_u8(vcleq_u8(vsubq_u8(lower, vdupq_n_u8('a')), vdupq_n_u8(25)),
                                      vcleq_u8(vsubq_u8(bytes, vdupq_n_u8('0')), vdupq_n_u8(9)));
  // Four bits per byte.
  const uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(in_word), 4)), 0);
  AsciiWord word;
  word.length = std::min(size_t(std::countr_one(mask)) / 4, count);
  const uint8x16_t kept = vld1q_u8(ascii_word::kKept + kMost - word.length);
  vst1q_u64(word.bytes, vreinterpretq_u64_u8(vandq_u8(lowercase ? lower : bytes, kept)));
  return word;
}

#else

inline AsciiWord AsciiWord::read(const uint16_t* units, size_t count, bool lowercase) {
  uint8_t bytes[kMost] = {};
  AsciiWord word;
  for (word.length = 0; word.length < std::min(count, kMost); word.length++) {
    const uint32_t unit = units[word.length], lower = unit | ascii_word::kCaseBit;
    if (lower - 'a' > 25 && unit - '0' > 9) break;
    bytes[word.length] = uint8_t(lowercase ? lower : unit);
  }
  std::memcpy(word.bytes, bytes, kMost);
  return word;
}

#endif

}  // namespace embedlane
