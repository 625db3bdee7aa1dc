#include "bert_characters.h"

#include <cstdlib>
#include <new>

#include "bert_characters_data.h"

namespace embedlane {
namespace {

constexpr size_t kCodes = 0x110000;

// Hangul syllables decompose by arithmetic (Unicode, section 3.12).
constexpr uint32_t kHangulBase = 0xac00, kHangulLast = 0xd7a3;
constexpr uint32_t kLeading = 0x1100, kVowel = 0x1161, kTrailing = 0x11a7;
constexpr uint32_t kVowels = 21, kTrailings = 28;

}  // namespace

// Never destroyed: pool threads may still read them while the process ends.
const BertCharacters& BertCharacters::uncased() {
  static const BertCharacters* characters = new BertCharacters(true);
  return *characters;
}

const BertCharacters& BertCharacters::cased() {
  static const BertCharacters* characters = new BertCharacters(false);
  return *characters;
}

BertCharacters::BertCharacters(bool fold) {
  table_ = static_cast<uint32_t*>(std::calloc(kCodes, sizeof(uint32_t)));
  if (table_ == nullptr) throw std::bad_alloc();
  mark(kDropped, kDroppedCount, CharacterKind::kDropped);
  mark(kSpaces, kSpacesCount, CharacterKind::kSpace);
  mark(kIdeographs, kIdeographsCount, CharacterKind::kIsolated);
  mark(kPunctuation, kPunctuationCount, CharacterKind::kIsolated);
  if (!fold) return;
  for (size_t r = 0; r < kFoldsCount; r++) {
    const CharacterRun& run = kFolds[r];
    for (uint32_t i = 0; i < run.count; i++) {
      const uint32_t target = run.target + i * run.step;
      uint32_t& entry = table_[run.first + i * run.stride];
      // An ideograph stays a word of its own; anything else is what it becomes.
      const uint32_t kind = CharacterKind(entry >> kKindShift) == CharacterKind::kIsolated
                                ? entry >> kKindShift
                                : table_[target] >> kKindShift;
      entry = kind << kKindShift | target;
    }
  }
  mark(kStripped, kStrippedCount, CharacterKind::kDropped);
  for (size_t e = 0; e < kExpansionsCount; e++) {
    table_[kExpansions[e].from] = uint32_t(CharacterKind::kExpanded) << kKindShift | uint32_t(e + 1);
  }
  for (uint32_t code = kHangulBase; code <= kHangulLast; code++) {
    table_[code] = uint32_t(CharacterKind::kExpanded) << kKindShift;
  }
  mark(kReordering, kReorderingCount, CharacterKind::kReordering);
}

void BertCharacters::mark(const CharacterRange* ranges, size_t count, CharacterKind kind) {
  for (size_t r = 0; r < count; r++) {
    for (uint32_t code = ranges[r].first; code <= ranges[r].last; code++) {
      table_[code] = uint32_t(kind) << kKindShift;
    }
  }
}

size_t BertCharacters::expand(uint32_t code, uint32_t* out) const {
  if (code >= kHangulBase && code <= kHangulLast) {
    const uint32_t index = code - kHangulBase;
    out[0] = kLeading + index / (kVowels * kTrailings);
    out[1] = kVowel + index % (kVowels * kTrailings) / kTrailings;
    out[2] = kTrailing + index % kTrailings;
    return index % kTrailings == 0 ? 2 : 3;
  }
  const Expansion& expansion = kExpansions[(table_[code] & kFoldMask) - 1];
  size_t length = 0;
  while (length < kMostExpanded && expansion.to[length] != 0) {
    out[length] = expansion.to[length];
    length++;
  }
  return length;
}

}  // namespace embedlane
