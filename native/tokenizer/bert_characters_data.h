#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// What BERT's normalisation and word splitting make of single characters, in ranges. "Dropped" to
// "Punctuation" hold for every model, the rest for those that lowercase and strip accents. Hangul syllables
// are not listed: their decomposition is arithmetic.

struct CharacterRange {
  uint32_t first, last;
};

// The character first + i * stride becomes target + i * step, for i < count.
struct CharacterRun {
  uint32_t first, count, stride, step, target;
};

// One character becomes two or three; 0 stands for none.
struct Expansion {
  uint32_t from, to[3];
};

extern const CharacterRange kDropped[];
extern const size_t kDroppedCount;
extern const CharacterRange kSpaces[];
extern const size_t kSpacesCount;
extern const CharacterRange kIdeographs[];
extern const size_t kIdeographsCount;
extern const CharacterRange kPunctuation[];
extern const size_t kPunctuationCount;
// Characters whose result depends on their neighbours.
extern const CharacterRange kReordering[];
extern const size_t kReorderingCount;
// Accents.
extern const CharacterRange kStripped[];
extern const size_t kStrippedCount;
extern const CharacterRun kFolds[];
extern const size_t kFoldsCount;
extern const Expansion kExpansions[];
extern const size_t kExpansionsCount;

}  // namespace embedlane
