#pragma once

#include <cstring>
#include <optional>

#include "wordpiece.h"

// How characters, pieces and words stand in a WordPiece's tables: for what fills them and what looks into
// them.
namespace embedlane::wordpiece {

inline constexpr uint32_t kReplacement = 0xfffd;

// The character at `i`, which moves behind it.
inline uint32_t next_character(std::span<const uint16_t> text, size_t& i) {
  const uint32_t unit = text[i++];
  if ((unit & 0xf800) != 0xd800) return unit;
  if ((unit & 0xfc00) != 0xd800 || i == text.size() || (text[i] & 0xfc00) != 0xdc00) return kReplacement;
  return 0x10000 + ((unit & 0x3ff) << 10) + (text[i++] & 0x3ff);
}

// Hashes grow by one character at a time, so that those of all beginnings of a word come with it. Pieces that
// start a word and those that continue one start from different seeds.
inline constexpr uint64_t kWordSeed = 0x243f6a8885a308d3u, kContinuationSeed = 0x13198a2e03707344u;

inline constexpr uint64_t kSpread = 0x9e3779b97f4a7c15u;  // Knuth's multiplicative hashing

inline uint64_t extend(uint64_t hash, uint32_t character) {
  hash = (hash ^ character) * kSpread;
  return hash ^ hash >> 29;
}

inline bool is_ascii_letter_or_digit(uint32_t character) {
  const uint32_t lower = character | 0x20;
  return (lower >= 'a' && lower <= 'z') || (character >= '0' && character <= '9');
}

// What is a short word of ASCII letters and digits as such, or nothing.
template <class Character>
std::optional<AsciiWord> as_ascii_word(std::span<const Character> token) {
  if (token.empty() || token.size() > AsciiWord::kMost) return std::nullopt;
  uint8_t bytes[sizeof AsciiWord::bytes] = {};
  for (size_t i = 0; i < token.size(); i++) {
    if (!is_ascii_letter_or_digit(token[i])) return std::nullopt;
    bytes[i] = uint8_t(token[i]);
  }
  AsciiWord word;
  std::memcpy(word.bytes, bytes, sizeof bytes);
  word.length = token.size();
  return word;
}

inline constexpr int kPresentBits = 20;

inline size_t present_bit(uint64_t hash) { return hash >> (64 - kPresentBits); }

}  // namespace embedlane::wordpiece
