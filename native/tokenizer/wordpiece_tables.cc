// Makes a WordPiece's tables of its vocabulary.
#include <algorithm>
#include <bit>

#include "wordpiece_pieces.h"

namespace embedlane {

using namespace wordpiece;

namespace {

// More than ASCII has.
constexpr size_t kPunctuationMarks = 64;

}  // namespace

WordPiece::WordPiece(const Strings& vocabulary, const uint32_t* ids, std::span<const uint16_t> prefix,
                     const Strings& added, const uint32_t* added_ids, const Options& options)
    : characters_(options.fold ? BertCharacters::uncased() : BertCharacters::cased()),
      options_(options),
      highest_id_(options.unknown) {
  for (size_t t = 0; t < vocabulary.size(); t++) highest_id_ = std::max(highest_id_, ids[t]);
  for (size_t a = 0; a < added.size(); a++) highest_id_ = std::max(highest_id_, added_ids[a]);
  // A token with the prefix is two pieces: a text may contain it as it is.
  pieces_.assign(std::bit_ceil(4 * (vocabulary.size() + kPunctuationMarks)), {0, 0, 0, kNone});
  piece_mask_ = pieces_.size() - 1;
  words_.assign(pieces_.size() / 2, {{0, 0}, kNone});
  word_mask_ = words_.size() - 1;
  known_words_.assign((size_t(1) << kKnownWordBits) / 64, 0);
  present_.assign((size_t(1) << kPresentBits) / 64, 0);
  for (size_t t = 0; t < vocabulary.size(); t++) {
    const std::span<const uint16_t> token = vocabulary[t];
    if (const auto word = as_ascii_word(token)) add_word(*word, ids[t]);
    add_piece(token, kWordSeed, ids[t]);
    if (token.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), token.begin())) {
      const std::span<const uint16_t> rest = token.subspan(prefix.size());
      if (const auto word = as_ascii_word(rest); word && rest.size() < AsciiWord::kMost) {
        add_word(continuing(reinterpret_cast<const uint8_t*>(word->bytes), rest.size()), ids[t]);
      }
      add_piece(rest, kContinuationSeed, ids[t]);
    }
  }
  for (size_t a = 0; a < added.size(); a++) {
    Added token{{}, added_ids[a]};
    for (size_t i = 0; i < added[a].size();) token.characters.push_back(next_character(added[a], i));
    if (token.characters.empty()) continue;
    added_starts_ |= uint64_t(1) << (added[a][0] & 63);
    added_.push_back(std::move(token));
  }
  for (uint32_t code = 0; code < 128; code++) {
    if (characters_[code].kind != CharacterKind::kIsolated) continue;
    const uint32_t id = find_piece(extend(kWordSeed, code), &code, 1);
    add_word({{code, 0}, 1}, id == kNone ? options_.unknown : id);
  }
  for (const Added& token : added_) {
    const uint32_t start = token.characters[0];
    if (start < 128 && std::ranges::find(ascii_starts_, start) == ascii_starts_.end()) {
      ascii_starts_.push_back(uint8_t(start));
    }
  }
  // Between the characters of words nobody looks for added tokens, and none of the short ones is too long.
  takes_blocks_ = options_.most_characters >= AsciiWord::kMost &&
                  std::ranges::none_of(ascii_starts_, is_ascii_letter_or_digit);
  std::stable_sort(added_.begin(), added_.end(),
                   [](const Added& a, const Added& b) { return a.characters.size() > b.characters.size(); });
}

void WordPiece::add_word(const AsciiWord& word, uint32_t id) {
  const uint64_t hash = word.hash();
  size_t slot = hash & word_mask_;
  for (; words_[slot].id != kNone; slot = (slot + 1) & word_mask_) {
    if (word.equals(words_[slot].bytes)) return;
  }
  words_[slot] = {{word.bytes[0], word.bytes[1]}, id};
  known_words_[known_word_bit(hash) / 64] |= uint64_t(1) << known_word_bit(hash) % 64;
}

void WordPiece::add_piece(std::span<const uint16_t> piece, uint64_t seed, uint32_t id) {
  const size_t start = piece_characters_.size();
  uint64_t hash = seed;
  for (size_t i = 0; i < piece.size();) {
    piece_characters_.push_back(next_character(piece, i));
    hash = extend(hash, piece_characters_.back());
  }
  const size_t length = piece_characters_.size() - start;
  if (length == 0) return;
  size_t slot = hash & piece_mask_;
  while (pieces_[slot].length != 0) slot = (slot + 1) & piece_mask_;
  pieces_[slot] = {hash, uint32_t(start), uint32_t(length), id};
  present_[present_bit(hash) / 64] |= uint64_t(1) << present_bit(hash) % 64;
}

}  // namespace embedlane
