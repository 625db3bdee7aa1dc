#pragma once

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

// A short word of ASCII letters and digits as bytes: two registers, which can be compared and hashed as such.
struct AsciiWord {
  static constexpr size_t kMost = 15;  // characters

  uint64_t bytes[2];  // in order, zeros behind the last
  size_t length;

  // The first `length` of the bytes at `from`, of which all that `bytes` has room for may be read.
  static AsciiWord first(const uint8_t* from, size_t length) {
    AsciiWord word;
    word.length = length;
    std::memcpy(word.bytes, from, sizeof word.bytes);
    uint64_t kept[2];
    std::memcpy(kept, kKept + kMost - length, sizeof kept);
    word.bytes[0] &= kept[0];
    word.bytes[1] &= kept[1];
    return word;
  }

  bool equals(const uint64_t* other) const { return ((bytes[0] ^ other[0]) | (bytes[1] ^ other[1])) == 0; }

  uint64_t hash() const {
    constexpr uint64_t kSpread = 0x9e3779b97f4a7c15u;  // Knuth's multiplicative hashing
    const uint64_t mixed = (bytes[0] ^ std::rotl(bytes[1], 31) * kSpread) * kSpread;
    return mixed ^ mixed >> 32;
  }

 private:
  // The first n bytes at kKept + kMost - n are set, the others clear.
  static constexpr uint8_t kKept[kMost + 16] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                255, 255, 255, 255, 255, 255, 255};
};

// Units of text as bytes, and what they are: bit i of each set is for unit i. The instructions are those that
// every x86-64 and every ARM64 has.
class AsciiBlock {
 public:
  static constexpr size_t kSize = 64;

  // Reads kSize units. Letters become lowercase if asked.
  void read(const uint16_t* units, bool lowercase) {
    words_ = isolated_ = plain_ = 0;
    for (size_t i = 0; i < kSize; i += kStep) read_step(units, i, lowercase);
  }

  uint64_t words() const { return words_; }        // letters and digits
  uint64_t isolated() const { return isolated_; }  // punctuation
  uint64_t others() const { return ~plain_; }      // what is not ASCII, and controls but white space

  // Where this ASCII character is.
  uint64_t places_of(uint8_t character) const {
    uint64_t places = 0;
    for (size_t i = 0; i < kSize; i += kStep) places |= step_places_of(character, i);
    return places;
  }

  // `length` characters from `start` on, at most AsciiWord::kMost.
  AsciiWord word(size_t start, size_t length) const { return AsciiWord::first(bytes_ + start, length); }

 private:
  static constexpr size_t kStep = 16;
  static constexpr uint8_t kCaseBit = 0x20;

  void read_step(const uint16_t* units, size_t i, bool lowercase);
  uint64_t step_places_of(uint8_t character, size_t i) const;

  uint64_t words_, isolated_, plain_;
  alignas(64) uint8_t bytes_[kSize + sizeof AsciiWord::bytes] = {};
};

// A letter with the case bit is lowercase, and digits have it already. What is not ASCII becomes a byte that
// is neither printable nor white space: 0, or one with the high bit.
#if defined(__x86_64__) || defined(_M_X64)

inline void AsciiBlock::read_step(const uint16_t* units, size_t i, bool lowercase) {
  const __m128i* from = reinterpret_cast<const __m128i*>(units + i);
  const __m128i bytes = _mm_packus_epi16(_mm_loadu_si128(from), _mm_loadu_si128(from + 1));
  const __m128i case_bit = _mm_set1_epi8(kCaseBit);
  const __m128i letter_place = _mm_sub_epi8(_mm_or_si128(bytes, case_bit), _mm_set1_epi8('a'));
  const __m128i digit_place = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
  const __m128i letter = _mm_cmpeq_epi8(_mm_min_epu8(letter_place, _mm_set1_epi8(25)), letter_place);
  const __m128i digit = _mm_cmpeq_epi8(_mm_min_epu8(digit_place, _mm_set1_epi8(9)), digit_place);
  const __m128i word = _mm_or_si128(letter, digit);
  const __m128i printable =
      _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(' ')), _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x7f)));
  const __m128i space = _mm_or_si128(
      _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'))),
      _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r'))));
  const auto set = [i](__m128i of) { return uint64_t(uint32_t(_mm_movemask_epi8(of))) << i; };
  words_ |= set(word);
  isolated_ |= set(_mm_andnot_si128(word, printable));
  plain_ |= set(_mm_or_si128(printable, space));
  _mm_store_si128(reinterpret_cast<__m128i*>(bytes_ + i),
                  lowercase ? _mm_or_si128(bytes, _mm_and_si128(letter, case_bit)) : bytes);
}

inline uint64_t AsciiBlock::step_places_of(uint8_t character, size_t i) const {
  const __m128i bytes = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes_ + i));
  return uint64_t(uint32_t(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(char(character)))))) << i;
}

#elif defined(__aarch64__) || defined(_M_ARM64)

namespace ascii_block {

// A bit for each byte, of which all bits are equal.
inline uint64_t set_of(uint8x16_t bytes) {
  constexpr uint8_t kBits[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t bits = vandq_u8(bytes, vld1q_u8(kBits));
  return vaddv_u8(vget_low_u8(bits)) | uint64_t(vaddv_u8(vget_high_u8(bits))) << 8;
}

}  // namespace ascii_block

inline void AsciiBlock::read_step(const uint16_t* units, size_t i, bool lowercase) {
  const uint8x16_t bytes =
      vcombine_u8(vqmovn_u16(vld1q_u16(units + i)), vqmovn_u16(vld1q_u16(units + i + 8)));
  const uint8x16_t case_bit = vdupq_n_u8(kCaseBit);
  const uint8x16_t letter = vcleq_u8(vsubq_u8(vorrq_u8(bytes, case_bit), vdupq_n_u8('a')), vdupq_n_u8(25));
  const uint8x16_t digit = vcleq_u8(vsubq_u8(bytes, vdupq_n_u8('0')), vdupq_n_u8(9));
  const uint8x16_t word = vorrq_u8(letter, digit);
  const uint8x16_t printable = vandq_u8(vcgtq_u8(bytes, vdupq_n_u8(' ')), vcltq_u8(bytes, vdupq_n_u8(0x7f)));
  const uint8x16_t space =
      vorrq_u8(vorrq_u8(vceqq_u8(bytes, vdupq_n_u8(' ')), vceqq_u8(bytes, vdupq_n_u8('\t'))),
               vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('\n')), vceqq_u8(bytes, vdupq_n_u8('\r'))));
  words_ |= ascii_block::set_of(word) << i;
  isolated_ |= ascii_block::set_of(vbicq_u8(printable, word)) << i;
  plain_ |= ascii_block::set_of(vorrq_u8(printable, space)) << i;
  vst1q_u8(bytes_ + i, lowercase ? vorrq_u8(bytes, vandq_u8(letter, case_bit)) : bytes);
}

inline uint64_t AsciiBlock::step_places_of(uint8_t character, size_t i) const {
  return ascii_block::set_of(vceqq_u8(vld1q_u8(bytes_ + i), vdupq_n_u8(character))) << i;
}

#else

inline void AsciiBlock::read_step(const uint16_t* units, size_t i, bool lowercase) {
  for (size_t u = i; u < i + kStep; u++) {
    const uint32_t unit = units[u], lower = unit | kCaseBit;
    const bool letter = lower >= 'a' && lower <= 'z', digit = unit >= '0' && unit <= '9';
    const bool printable = unit > ' ' && unit < 0x7f;
    const bool space = unit == ' ' || unit == '\t' || unit == '\n' || unit == '\r';
    words_ |= uint64_t(letter || digit) << u;
    isolated_ |= uint64_t(printable && !letter && !digit) << u;
    plain_ |= uint64_t(printable || space) << u;
    bytes_[u] = uint8_t(unit > 0xff ? 0xff : lowercase && letter ? lower : unit);
  }
}

inline uint64_t AsciiBlock::step_places_of(uint8_t character, size_t i) const {
  uint64_t places = 0;
  for (size_t u = i; u < i + kStep; u++) places |= uint64_t(bytes_[u] == character) << u;
  return places;
}

#endif

}  // namespace embedlane
