#include "wordpiece.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace embedlane {
namespace {

constexpr uint32_t kReplacement = 0xfffd;

// The character at `i`, which moves behind it.
inline uint32_t next_character(std::span<const uint16_t> text, size_t& i) {
  const uint32_t unit = text[i++];
  if ((unit & 0xf800) != 0xd800) return unit;
  if ((unit & 0xfc00) != 0xd800 || i == text.size() || (text[i] & 0xfc00) != 0xdc00) return kReplacement;
  return 0x10000 + ((unit & 0x3ff) << 10) + (text[i++] & 0x3ff);
}

// Hashes grow by one character at a time, so that those of all beginnings of a word come with it. Pieces that
// start a word and those that continue one start from different seeds.
constexpr uint64_t kWordSeed = 0x243f6a8885a308d3u, kContinuationSeed = 0x13198a2e03707344u;

constexpr uint64_t kSpread = 0x9e3779b97f4a7c15u;  // Knuth's multiplicative hashing

inline uint64_t extend(uint64_t hash, uint32_t character) {
  hash = (hash ^ character) * kSpread;
  return hash ^ hash >> 29;
}

inline uint64_t hash_of(const AsciiWord& word) {
  const uint64_t mixed = (word.bytes[0] ^ std::rotl(word.bytes[1], 31) * kSpread) * kSpread;
  return mixed ^ mixed >> 32;
}

inline bool same(const uint64_t* bytes, const AsciiWord& word) {
  return ((bytes[0] ^ word.bytes[0]) | (bytes[1] ^ word.bytes[1])) == 0;
}

constexpr int kPresentBits = 20;

inline size_t present_bit(uint64_t hash) { return hash >> (64 - kPresentBits); }

}  // namespace

WordPiece::WordPiece(const Strings& vocabulary, const uint32_t* ids, std::span<const uint16_t> prefix,
                     const Strings& added, const uint32_t* added_ids, const Options& options)
    : characters_(options.fold ? BertCharacters::uncased() : BertCharacters::cased()),
      options_(options),
      highest_id_(options.unknown) {
  for (size_t t = 0; t < vocabulary.size(); t++) highest_id_ = std::max(highest_id_, ids[t]);
  for (size_t a = 0; a < added.size(); a++) highest_id_ = std::max(highest_id_, added_ids[a]);
  // A token with the prefix is two pieces: a text may contain it as it is.
  pieces_.assign(std::bit_ceil(4 * (vocabulary.size() + 1)), {0, 0, 0, kNone});
  words_.assign(pieces_.size() / 2, {{0, 0}, kNone});
  present_.assign((size_t(1) << kPresentBits) / 64, 0);
  for (size_t t = 0; t < vocabulary.size(); t++) {
    const std::span<const uint16_t> token = vocabulary[t];
    add_word(token, ids[t]);
    add_piece(token, kWordSeed, ids[t]);
    if (token.size() > prefix.size() && std::equal(prefix.begin(), prefix.end(), token.begin())) {
      add_piece(token.subspan(prefix.size()), kContinuationSeed, ids[t]);
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
    const Character character = characters_[code];
    ascii_[code] = ascii_kind(character.kind);
    isolated_ids_[code] = find_piece(extend(kWordSeed, character.folded), &character.folded, 1);
    if (isolated_ids_[code] == kNone) isolated_ids_[code] = options_.unknown;
  }
  // Between the characters of such words nobody looks for added tokens, and none of them is too long.
  has_ascii_words_ = options_.most_characters >= AsciiWord::kMost &&
                     std::all_of(added_.begin(), added_.end(), [this](const Added& token) {
                       return token.characters[0] >= 128 || ascii_[token.characters[0]] != Ascii::kWord;
                     });
  std::stable_sort(added_.begin(), added_.end(),
                   [](const Added& a, const Added& b) { return a.characters.size() > b.characters.size(); });
}

WordPiece::Ascii WordPiece::ascii_kind(CharacterKind kind) {
  switch (kind) {
    case CharacterKind::kPart:
      return Ascii::kWord;
    case CharacterKind::kSpace:
      return Ascii::kSpace;
    case CharacterKind::kIsolated:
      return Ascii::kIsolated;
    default:
      return Ascii::kOther;
  }
}

void WordPiece::add_word(std::span<const uint16_t> token, uint32_t id) {
  uint16_t units[AsciiWord::kMost] = {};
  if (token.empty() || token.size() >= AsciiWord::kMost) return;
  std::copy(token.begin(), token.end(), units);
  const AsciiWord word = AsciiWord::read(units, token.size(), false);
  if (word.length < token.size()) return;
  size_t slot = hash_of(word) & (words_.size() - 1);
  for (; words_[slot].id != kNone; slot = (slot + 1) & (words_.size() - 1)) {
    if (same(words_[slot].bytes, word)) return;
  }
  words_[slot] = {{word.bytes[0], word.bytes[1]}, id};
}

uint32_t WordPiece::find_word(const AsciiWord& word) const {
  for (size_t slot = hash_of(word) & (words_.size() - 1);; slot = (slot + 1) & (words_.size() - 1)) {
    if (same(words_[slot].bytes, word) || words_[slot].id == kNone) return words_[slot].id;
  }
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
  size_t slot = hash & (pieces_.size() - 1);
  while (pieces_[slot].length != 0) slot = (slot + 1) & (pieces_.size() - 1);
  pieces_[slot] = {hash, uint32_t(start), uint32_t(length), id};
  present_[present_bit(hash) / 64] |= uint64_t(1) << present_bit(hash) % 64;
}

uint32_t WordPiece::find_piece(uint64_t hash, const uint32_t* characters, size_t length) const {
  if (!(present_[present_bit(hash) / 64] >> present_bit(hash) % 64 & 1)) return kNone;
  for (size_t slot = hash & (pieces_.size() - 1);; slot = (slot + 1) & (pieces_.size() - 1)) {
    const Piece& piece = pieces_[slot];
    if (piece.length == 0) return kNone;
    if (piece.hash == hash && piece.length == length &&
        std::equal(characters, characters + length, &piece_characters_[piece.start])) {
      return piece.id;
    }
  }
}

AsciiWord WordPiece::ascii_word_at(std::span<const uint16_t> text, size_t i, size_t readable) const {
  if (i + AsciiWord::kMost <= readable) return AsciiWord::read(&text[i], text.size() - i, options_.fold);
  uint16_t rest[AsciiWord::kMost] = {};
  std::memcpy(rest, &text[i], (text.size() - i) * sizeof(uint16_t));
  return AsciiWord::read(rest, text.size() - i, options_.fold);
}

bool WordPiece::ends_ascii_word(std::span<const uint16_t> text, size_t i) const {
  return i == text.size() || (text[i] < 128 && ascii_[text[i]] != Ascii::kOther);
}

const WordPiece::Added* WordPiece::added_at(std::span<const uint16_t> text) const {
  for (const Added& token : added_) {
    size_t i = 0, matched = 0;
    while (matched < token.characters.size() && i < text.size() &&
           next_character(text, i) == token.characters[matched]) {
      matched++;
    }
    if (matched == token.characters.size()) return &token;
  }
  return nullptr;
}

// One text's way through the tokenizer.
class WordPiece::Encoder {
 public:
  Encoder(const WordPiece& model, Scratch& scratch, uint32_t* ids)
      : model_(model),
        scratch_(scratch),
        word_(scratch.word_.data()),
        room_(scratch.word_.size()),
        ids_(ids) {}

  size_t count() const { return count_; }
  void add_token(uint32_t id) { ids_[count_++] = id; }

  void add_character(uint32_t character) {
    if (length_ == room_ && !make_room()) return;
    word_[length_++] = character;
  }

  void add_isolated(uint32_t character) {
    end_word();
    add_character(character);
    end_word();
  }

  void end_word() {
    if (length_ == 0) return;
    split_word();
    length_ = 0;
  }

  bool in_word() const { return length_ > 0; }

  // A whole word of fewer than AsciiWord::kMost characters.
  void add_ascii_word(const AsciiWord& word) {
    if (const uint32_t id = model_.find_word(word); id != kNone) {
      add_token(id);
      return;
    }
    Scratch::CachedPair& pair = scratch_.cache_[hash_of(word) & (Scratch::kCacheSize - 1)];
    for (const Scratch::CachedWord* cached : {&pair.newer, &pair.older}) {
      if (!same(cached->bytes, word)) continue;
      // There is room: a word has at least as many characters as pieces, and each room for three.
      std::memcpy(ids_ + count_, cached->ids, sizeof cached->ids);
      count_ += cached->count;
      return;
    }
    const size_t before = count_;
    uint8_t characters[AsciiWord::kMost];
    std::memcpy(characters, word.bytes, sizeof characters);
    for (size_t i = 0; i < word.length; i++) add_character(characters[i]);
    end_word();
    const size_t pieces = count_ - before;
    if (pieces > Scratch::CachedWord::kMostIds) return;
    pair.older = pair.newer;
    std::memcpy(pair.newer.bytes, word.bytes, sizeof word.bytes);
    std::copy_n(ids_ + before, pieces, pair.newer.ids);
    pair.newer.count = uint32_t(pieces);
  }

 private:
  // False if the word is longer than any that has pieces: it stays unknown however it goes on.
  bool make_room() {
    if (length_ > model_.options_.most_characters) return false;
    scratch_.word_.resize(2 * length_ + 64);
    scratch_.hashes_.resize(scratch_.word_.size());
    word_ = scratch_.word_.data();
    room_ = scratch_.word_.size();
    return true;
  }

  // Splits the word into its pieces, the longest first.
  void split_word() {
    const size_t before = count_;
    if (length_ > model_.options_.most_characters || !add_pieces()) {
      count_ = before;
      add_token(model_.options_.unknown);
    }
  }

  bool add_pieces() {
    // Of the beginnings of what is left of the word.
    uint64_t* hashes = scratch_.hashes_.data();
    for (size_t start = 0; start < length_;) {
      uint64_t hash = start == 0 ? kWordSeed : kContinuationSeed;
      for (size_t i = start; i < length_; i++) hashes[i] = hash = extend(hash, word_[i]);
      size_t end = length_;
      uint32_t id = kNone;
      while (end > start) {
        id = model_.find_piece(hashes[end - 1], word_ + start, end - start);
        if (id != kNone) break;
        end--;
      }
      if (id == kNone) return false;
      add_token(id);
      start = end;
    }
    return true;
  }

  const WordPiece& model_;
  Scratch& scratch_;
  uint32_t* word_;
  size_t room_;
  size_t length_ = 0;  // of the word
  uint32_t* ids_;
  size_t count_ = 0;
};

bool WordPiece::encode(std::span<const uint16_t> text, size_t readable, const TokenLimits& limits,
                       Scratch& scratch, uint32_t* ids, size_t* count) const {
  Encoder encoder(*this, scratch, ids);
  // The last word may go beyond.
  const size_t enough = limits.from_end ? SIZE_MAX : limits.most;
  for (size_t i = 0; i < text.size() && encoder.count() < enough;) {
    if (has_ascii_words_ && text[i] < 128 && !encoder.in_word()) {
      // Most text is short ASCII words, which need not leave the registers, and what stands between them.
      const uint16_t unit = text[i];
      if (ascii_[unit] == Ascii::kWord) {
        const AsciiWord word = ascii_word_at(text, i, readable);
        if (word.length < AsciiWord::kMost && ends_ascii_word(text, i + word.length)) {
          encoder.add_ascii_word(word);
          i += word.length;
          continue;
        }
      } else if (!may_start_added(unit) && ascii_[unit] != Ascii::kOther) {
        if (ascii_[unit] == Ascii::kIsolated) encoder.add_token(isolated_ids_[unit]);
        i++;
        continue;
      }
    }
    if (const Added* added = may_start_added(text[i]) ? added_at(text.subspan(i)) : nullptr) {
      encoder.end_word();
      encoder.add_token(added->id);
      for (size_t c = 0; c < added->characters.size(); c++) next_character(text, i);
      continue;
    }
    const uint32_t code = next_character(text, i);
    const Character character = characters_[code];
    switch (character.kind) {
      case CharacterKind::kPart:
        encoder.add_character(character.folded);
        break;
      case CharacterKind::kIsolated:
        encoder.add_isolated(character.folded);
        break;
      case CharacterKind::kSpace:
        encoder.end_word();
        break;
      case CharacterKind::kDropped:
        break;
      case CharacterKind::kExpanded: {
        uint32_t parts[BertCharacters::kMostExpanded];
        const size_t length = characters_.expand(code, parts);
        for (size_t p = 0; p < length; p++) encoder.add_character(parts[p]);
        break;
      }
      case CharacterKind::kReordering:
        return false;
    }
  }
  encoder.end_word();
  size_t total = encoder.count();
  if (total > limits.most) {
    if (limits.from_end) std::memmove(ids, ids + (total - limits.most), limits.most * sizeof(uint32_t));
    total = limits.most;
  }
  if (limits.drop_unknown) total = size_t(std::remove(ids, ids + total, options_.unknown) - ids);
  *count = total;
  return true;
}

}  // namespace embedlane
