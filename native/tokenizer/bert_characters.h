#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace embedlane {

// What happens to one character before words are looked up.
enum class CharacterKind : uint8_t {
  kPart,        // belongs to a word
  kIsolated,    // a word of its own: punctuation and ideographs
  kSpace,       // ends a word
  kDropped,     // leaves no trace: control characters and stripped accents
  kExpanded,    // becomes several characters, see BertCharacters::expand
  kReordering,  // depends on its neighbours; not known here
};

struct Character {
  CharacterKind kind;
  uint32_t folded;  // what kPart and kIsolated become
};

// BertNormalizer (clean_text, handle_chinese_chars) and BertPreTokenizer of Hugging Face tokenizers, one
// character at a time. That is all there is to them, because accents, the one thing that ordering could move,
// are stripped; the few characters for which this does not hold are kReordering.
class BertCharacters {
 public:
  // Lowercasing and stripping accents go together, as they do in every published model.
  static const BertCharacters& uncased();
  static const BertCharacters& cased();

  // `code` is below 0x110000.
  Character operator[](uint32_t code) const {
    const uint32_t entry = table_[code];
    return {CharacterKind(entry >> kKindShift), (entry & kFoldMask) == 0 ? code : entry & kFoldMask};
  }

  // Characters of a kExpanded one, at most kMostExpanded; returns how many.
  static constexpr size_t kMostExpanded = 3;
  size_t expand(uint32_t code, uint32_t* out) const;

 private:
  explicit BertCharacters(bool fold);
  void mark(const struct CharacterRange* ranges, size_t count, CharacterKind kind);

  static constexpr uint32_t kKindShift = 24;
  static constexpr uint32_t kFoldMask = (1u << kKindShift) - 1;
  // Entries are kind and folded character, 0 for itself. Most pages of it are never touched.
  uint32_t* table_;
};

}  // namespace embedlane
