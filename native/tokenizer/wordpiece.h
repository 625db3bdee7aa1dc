#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ascii_block.h"
#include "bert_characters.h"

namespace embedlane {

// Strings one after another in UTF-16: string i ends at ends[i].
struct Strings {
  std::span<const uint16_t> units;
  std::span<const uint32_t> ends;

  size_t size() const { return ends.size(); }
  std::span<const uint16_t> operator[](size_t i) const { return units.subspan(start(i), ends[i] - start(i)); }
  // Units from the first of string i to the last of all.
  size_t readable(size_t i) const { return units.size() - start(i); }

 private:
  size_t start(size_t i) const { return i == 0 ? 0 : ends[i - 1]; }
};

// Which of a text's tokens are kept.
struct TokenLimits {
  size_t most = SIZE_MAX;
  bool from_end = false;  // keep the last `most` and not the first
  bool drop_unknown = false;
};

// The tokenizer of BERT models: BertNormalizer, BertPreTokenizer and WordPiece of Hugging Face tokenizers,
// with the same ids. Immutable once made, and safe to share between threads.
class WordPiece {
 public:
  struct Options {
    bool fold;               // lowercase and strip accents
    uint32_t unknown;        // id of words that have no pieces
    size_t most_characters;  // longer words are unknown
  };

  // Most tokens per UTF-16 unit of text.
  static constexpr size_t kMostPerUnit = BertCharacters::kMostExpanded;

  // `vocabulary` has `ids` of its own; `prefix` is what continuing pieces start with. `added` are tokens that
  // are found in the text itself, whatever is around them. Every string is well-formed.
  WordPiece(const Strings& vocabulary, const uint32_t* ids, std::span<const uint16_t> prefix,
            const Strings& added, const uint32_t* added_ids, const Options& options);

  uint32_t highest_id() const { return highest_id_; }

  // What encode() needs besides and may keep for the next text: one for each thread and tokenizer.
  class Scratch {
   public:
    Scratch() : cache_(kCacheSize) {}

   private:
    friend class WordPiece;

    // Short ASCII words that are not in the vocabulary, with their pieces. A new one takes the place of the
    // older of the two that were there.
    struct CachedWord {
      static constexpr uint32_t kMostIds = 3;

      uint64_t bytes[2] = {};  // as AsciiWord has them; zeros for none
      uint32_t ids[kMostIds];
      uint32_t count;
    };
    struct alignas(64) CachedPair {
      CachedWord newer, older;
    };
    static constexpr int kCacheBits = 13;
    static constexpr size_t kCacheSize = size_t(1) << kCacheBits;

    std::vector<CachedPair> cache_;
    std::vector<uint32_t> word_;
    std::vector<uint64_t> hashes_;
  };

  // Writes the tokens of `text`, at most kMostPerUnit * text.size(), to `ids` and their number to `count`.
  // Returns false for a text with a character that it does not know to handle. Lone surrogates count as
  // U+FFFD. `readable` units from the text's first on, at least its own, are memory that may be read.
  bool encode(std::span<const uint16_t> text, size_t readable, const TokenLimits& limits, Scratch& scratch,
              uint32_t* ids, size_t* count) const;

 private:
  struct Piece {
    uint64_t hash;
    uint32_t start, length;  // in piece_characters_; length 0 for a free slot
    uint32_t id;
  };
  struct Word {
    uint64_t bytes[2];  // as AsciiWord has them; zeros for a free slot
    uint32_t id;
  };
  struct Added {
    std::vector<uint32_t> characters;
    uint32_t id;
  };
  class Encoder;
  static constexpr uint32_t kNone = UINT32_MAX;
  // A byte that no text's block has in a word.
  static constexpr uint8_t kContinues = 1;
  static constexpr int kKnownWordBits = 19;

  static size_t known_word_bit(uint64_t hash) { return hash >> (64 - kKnownWordBits); }

  // The ASCII piece that continues a word with these characters, fewer than AsciiWord::kMost.
  static AsciiWord continuing(const uint8_t* characters, size_t length);
  // Adds an ASCII piece that no other token before it was.
  void add_word(const AsciiWord& word, uint32_t id);
  // False if no token is this ASCII piece, and rarely true then.
  bool may_have_word(uint64_t hash) const {
    return known_words_[known_word_bit(hash) / 64] >> known_word_bit(hash) % 64 & 1;
  }
  // Id of the token that an ASCII piece is, or kNone.
  uint32_t find_word(const AsciiWord& word, uint64_t hash) const;
  void add_piece(std::span<const uint16_t> piece, uint64_t seed, uint32_t id);
  // Id of the piece with these characters and this hash, or kNone.
  uint32_t find_piece(uint64_t hash, const uint32_t* characters, size_t length) const;
  bool may_start_added(uint16_t unit) const { return added_starts_ >> (unit & 63) & 1; }
  void read_block(std::span<const uint16_t> text, size_t i, size_t readable, AsciiBlock& block) const;
  // The added token that `text` starts with, the longest; null if none.
  const Added* added_at(std::span<const uint16_t> text) const;

  const BertCharacters& characters_;
  Options options_;
  // Tokens that are short ASCII words, as most words of most texts are, those that continue such words,
  // behind kContinues, and what each punctuation mark of ASCII becomes: an open-addressing hash table. A set
  // of bits that stays in the caches says which places in memory are worth waiting for.
  std::vector<Word> words_;
  size_t word_mask_;
  std::vector<uint64_t> known_words_;
  // All pieces, in an open-addressing hash table. Most questions have no answer: a set of bits, small enough
  // for the caches, says so without a look at the table.
  std::vector<Piece> pieces_;
  size_t piece_mask_;
  std::vector<uint64_t> present_;
  std::vector<uint32_t> piece_characters_;
  bool takes_blocks_;                  // whether ASCII may be read in blocks
  std::vector<uint8_t> ascii_starts_;  // ASCII characters with which added tokens start
  std::vector<Added> added_;           // longest first
  uint32_t highest_id_;
  uint64_t added_starts_ = 0;  // the last six bits of their first units, as a set
};

}  // namespace embedlane
