#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "wordpiece_pieces.h"

namespace embedlane {

using namespace wordpiece;

namespace {

inline void prefetch([[maybe_unused]] const void* address) {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_prefetch(static_cast<const char*>(address), _MM_HINT_T0);
#elif defined(__GNUC__)
  __builtin_prefetch(address);
#endif
}

// The bits below bit n, which is at most 64.
constexpr uint64_t below(size_t n) { return n < 64 ? (uint64_t(1) << n) - 1 : ~uint64_t(0); }

}  // namespace

AsciiWord WordPiece::continuing(const uint8_t* characters, size_t length) {
  uint8_t bytes[sizeof AsciiWord::bytes] = {kContinues};
  std::memcpy(bytes + 1, characters, length);
  return AsciiWord::first(bytes, length + 1);
}

uint32_t WordPiece::find_word(const AsciiWord& word, uint64_t hash) const {
  for (size_t slot = hash & word_mask_;; slot = (slot + 1) & word_mask_) {
    if (word.equals(words_[slot].bytes) || words_[slot].id == kNone) return words_[slot].id;
  }
}

uint32_t WordPiece::find_piece(uint64_t hash, const uint32_t* characters, size_t length) const {
  if (!(present_[present_bit(hash) / 64] >> present_bit(hash) % 64 & 1)) return kNone;
  for (size_t slot = hash & piece_mask_;; slot = (slot + 1) & piece_mask_) {
    const Piece& piece = pieces_[slot];
    if (piece.length == 0) return kNone;
    if (piece.hash == hash && piece.length == length &&
        std::equal(characters, characters + length, &piece_characters_[piece.start])) {
      return piece.id;
    }
  }
}

void WordPiece::read_block(std::span<const uint16_t> text, size_t i, size_t readable,
                           AsciiBlock& block) const {
  if (i + AsciiBlock::kSize <= readable) return block.read(&text[i], options_.fold);
  uint16_t rest[AsciiBlock::kSize] = {};
  std::memcpy(rest, &text[i], (text.size() - i) * sizeof(uint16_t));
  block.read(rest, options_.fold);
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
    // A short ASCII word stands here because of what is beside it.
    const std::optional<AsciiWord> word = as_ascii_word(std::span<const uint32_t>(word_, length_));
    if (word && model_.takes_blocks_) {
      length_ = 0;
      add_ascii_word(*word, word->hash());
      return;
    }
    const size_t before = count_;
    if (length_ > model_.options_.most_characters || !add_pieces()) take_as_unknown(before);
    length_ = 0;
  }

  bool in_word() const { return length_ > 0; }

  // Takes the short words and the punctuation of ASCII from `i` on, and returns where something else comes.
  size_t take_ascii(std::span<const uint16_t> text, size_t i, size_t readable, size_t enough) {
    AsciiBlock block;
    while (i < text.size() && count_ < enough) {
      model_.read_block(text, i, readable, block);
      const size_t left = std::min(text.size() - i, AsciiBlock::kSize);
      uint64_t stops = block.others();
      for (const uint8_t start : model_.ascii_starts_) stops |= block.places_of(start);
      const size_t limit = size_t(std::countr_zero(stops | ~below(left)));
      // What a word before the limit is followed by may belong to it.
      const bool open =
          limit < left ? block.others() >> limit & 1 : left == AsciiBlock::kSize && i + left < text.size();
      const uint64_t words = block.words() & below(limit);
      const size_t last =
          open && limit > 0 ? size_t(std::countl_one(words << (AsciiBlock::kSize - limit))) : 0;
      const size_t end = take_block(block, words & below(limit - last), block.isolated() & below(limit));
      i += std::min(end, limit - last);
      if (end < limit || limit < left || last == limit) break;
    }
    return i;
  }

 private:
  Scratch::CachedPair& cached(uint64_t hash) const {
    return scratch_.cache_[hash & (Scratch::kCacheSize - 1)];
  }

  // Tokens of the words and the punctuation in these places. Returns where a word begins that is not short,
  // or the block's size.
  size_t take_block(const AsciiBlock& block, uint64_t words, uint64_t isolated) {
    struct Found {
      AsciiWord word;
      uint64_t hash;
    } found[AsciiBlock::kSize];
    size_t count = 0, end = AsciiBlock::kSize;
    for (uint64_t starts = (words & ~(words << 1)) | isolated; starts != 0; starts &= starts - 1) {
      const size_t start = size_t(std::countr_zero(starts));
      const size_t letters = size_t(std::countr_one(words >> start));
      const size_t length = letters + (letters == 0);
      if (length > AsciiWord::kMost) {
        end = start;
        break;
      }
      // All are asked for before the first is needed.
      Found& next = found[count++];
      next.word = block.word(start, length);
      next.hash = next.word.hash();
      if (model_.may_have_word(next.hash)) {
        prefetch(&model_.words_[next.hash & model_.word_mask_]);
      } else {
        prefetch(&cached(next.hash));
      }
    }
    for (size_t f = 0; f < count; f++) add_ascii_word(found[f].word, found[f].hash);
    return end;
  }

  // A whole short word, or a punctuation mark.
  void add_ascii_word(const AsciiWord& word, uint64_t hash) {
    if (model_.may_have_word(hash)) {
      if (const uint32_t id = model_.find_word(word, hash); id != kNone) {
        add_token(id);
        return;
      }
    }
    Scratch::CachedPair& pair = cached(hash);
    for (const Scratch::CachedWord* cached : {&pair.newer, &pair.older}) {
      if (!word.equals(cached->bytes)) continue;
      // There is room: a word has at least as many characters as pieces, and each room for three.
      std::memcpy(ids_ + count_, cached->ids, sizeof cached->ids);
      count_ += cached->count;
      return;
    }
    const size_t before = count_;
    if (!add_ascii_pieces(word)) take_as_unknown(before);
    const size_t pieces = count_ - before;
    if (pieces > Scratch::CachedWord::kMostIds) return;
    pair.older = pair.newer;
    std::memcpy(pair.newer.bytes, word.bytes, sizeof word.bytes);
    std::copy_n(ids_ + before, pieces, pair.newer.ids);
    pair.newer.count = uint32_t(pieces);
  }

  // False if the word is longer than any that has pieces: it stays unknown however it goes on.
  bool make_room() {
    if (length_ > model_.options_.most_characters) return false;
    scratch_.word_.resize(2 * length_ + 64);
    scratch_.hashes_.resize(scratch_.word_.size());
    word_ = scratch_.word_.data();
    room_ = scratch_.word_.size();
    return true;
  }

  // In place of the tokens that came after so many.
  void take_as_unknown(size_t before) {
    count_ = before;
    add_token(model_.options_.unknown);
  }

  // Splits a short word into its pieces, the longest first. False if it has none.
  bool add_ascii_pieces(const AsciiWord& word) {
    uint8_t characters[sizeof word.bytes];
    std::memcpy(characters, word.bytes, sizeof characters);
    for (size_t start = 0; start < word.length;) {
      const size_t left = word.length - start;
      const AsciiWord rest = start == 0 ? word : continuing(characters + start, left);
      uint8_t bytes[sizeof rest.bytes];
      std::memcpy(bytes, rest.bytes, sizeof bytes);
      size_t taken = left;
      uint32_t id = kNone;
      for (; taken > 0; taken--) {
        const AsciiWord piece = AsciiWord::first(bytes, rest.length - left + taken);
        const uint64_t hash = piece.hash();
        if (!model_.may_have_word(hash)) continue;
        id = model_.find_word(piece, hash);
        if (id != kNone) break;
      }
      if (id == kNone) return false;
      add_token(id);
      start += taken;
    }
    return true;
  }

  // Splits the word into its pieces, the longest first. False if it has none.
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
    // Most text is short ASCII words and what stands between them.
    if (takes_blocks_ && !encoder.in_word() && text[i] < 128) {
      i = encoder.take_ascii(text, i, readable, enough);
      if (i == text.size() || encoder.count() >= enough) break;
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
