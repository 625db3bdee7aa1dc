#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "../tokenizer/ascii_word.h"
#include "../tokenizer/wordpiece.h"
#include "runner.h"

namespace embedlane::test {
namespace {

bool in_word(uint16_t unit) {
  return (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z') || (unit >= '0' && unit <= '9');
}

// One unit after the other.
AsciiWord reference(const uint16_t* units, size_t count, bool lowercase) {
  uint8_t bytes[AsciiWord::kMost] = {};
  AsciiWord word;
  for (word.length = 0; word.length < std::min(count, AsciiWord::kMost); word.length++) {
    const uint16_t unit = units[word.length];
    if (!in_word(unit)) break;
    bytes[word.length] = uint8_t(lowercase && unit >= 'A' && unit <= 'Z' ? unit - 'A' + 'a' : unit);
  }
  std::memcpy(word.bytes, bytes, sizeof bytes);
  return word;
}

void check_word(const uint16_t* units, size_t count, bool lowercase) {
  const AsciiWord word = AsciiWord::read(units, count, lowercase);
  const AsciiWord expected = reference(units, count, lowercase);
  CHECK(word.length == expected.length);
  CHECK(std::memcmp(word.bytes, expected.bytes, sizeof word.bytes) == 0);
}

struct Texts {
  std::vector<uint16_t> units;
  std::vector<uint32_t> ends;

  void add(const std::string& text) {
    units.insert(units.end(), text.begin(), text.end());
    ends.push_back(uint32_t(units.size()));
  }
  Strings strings() const { return {units, ends}; }
};

}  // namespace

TEST(ascii_word_takes_letters_and_digits_and_nothing_else) {
  std::vector<uint16_t> units(AsciiWord::kMost, 'x');
  for (uint32_t unit = 0; unit < 0x10000; unit++) {
    for (const size_t place : {size_t(0), size_t(7), size_t(8), size_t(15)}) {
      units[place] = uint16_t(unit);
      check_word(units.data(), 100, true);
      check_word(units.data(), 100, false);
      units[place] = 'x';
    }
  }
}

TEST(ascii_word_ends_where_the_text_does) {
  Random random(1);
  for (int round = 0; round < 20000; round++) {
    std::vector<uint16_t> units(AsciiWord::kMost);
    for (uint16_t& unit : units) unit = uint16_t(random.below(random.below(8) == 0 ? 0x10000 : 128));
    check_word(units.data(), random.below(20), random.below(2) == 0);
  }
}

TEST(words_have_the_same_pieces_however_often_and_wherever_they_are_read) {
  Texts words, none;
  for (const char* token : {"[UNK]", "un", "##believ", "##ably", "the", "##s", "a", "##b", "##c", "##d"}) {
    words.add(token);
  }
  std::vector<uint32_t> ids(words.ends.size());
  for (size_t i = 0; i < ids.size(); i++) ids[i] = uint32_t(i);
  const std::vector<uint16_t> prefix = {'#', '#'};
  const WordPiece model(words.strings(), ids.data(), prefix, none.strings(), nullptr, {true, 0, 100});
  const std::vector<std::pair<std::string, std::vector<uint32_t>>> cases = {
      {"The thes", {4, 4, 5}},
      {"unbelievably", {1, 2, 3}},
      {"abcdbcdbcd", {6, 7, 8, 9, 7, 8, 9, 7, 8, 9}},
      {"zebra", {0}},
      {"UNbelievablys", {1, 2, 3, 5}},
      {"", {}}};
  Texts texts;
  for (const auto& [text, expected] : cases) texts.add(text);
  const Strings strings = texts.strings();
  WordPiece::Scratch scratch;
  for (int round = 0; round < 3; round++) {
    for (size_t t = 0; t < cases.size(); t++) {
      std::vector<uint32_t> found(WordPiece::kMostPerUnit * strings[t].size());
      size_t count = 0;
      CHECK(model.encode(strings[t], strings.readable(t), {}, scratch, found.data(), &count));
      found.resize(count);
      CHECK_MESSAGE(found == cases[t].second, cases[t].first);
    }
  }
  CHECK(model.highest_id() == 9);
}

}  // namespace embedlane::test
