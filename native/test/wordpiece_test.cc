#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "../tokenizer/ascii_block.h"
#include "../tokenizer/wordpiece.h"
#include "runner.h"

namespace embedlane::test {
namespace {

bool is_letter(uint16_t unit) { return (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z'); }
bool in_word(uint16_t unit) { return is_letter(unit) || (unit >= '0' && unit <= '9'); }
bool is_space(uint16_t unit) { return unit == ' ' || unit == '\t' || unit == '\n' || unit == '\r'; }

// One unit after the other.
void check_block(const std::vector<uint16_t>& units, bool lowercase) {
  AsciiBlock block;
  block.read(units.data(), lowercase);
  uint64_t words = 0, isolated = 0, others = 0, brackets = 0;
  for (size_t i = 0; i < AsciiBlock::kSize; i++) {
    const uint16_t unit = units[i];
    const bool printable = unit > ' ' && unit < 0x7f;
    words |= uint64_t(in_word(unit)) << i;
    isolated |= uint64_t(printable && !in_word(unit)) << i;
    others |= uint64_t(!printable && !is_space(unit)) << i;
    brackets |= uint64_t(unit == '[') << i;
  }
  CHECK(block.words() == words);
  CHECK(block.isolated() == isolated);
  CHECK(block.others() == others);
  CHECK(block.places_of('[') == brackets);
  for (size_t start = 0; start < AsciiBlock::kSize; start++) {
    uint8_t bytes[16] = {};
    size_t length = 0;
    for (; length < AsciiWord::kMost && start + length < AsciiBlock::kSize; length++) {
      const uint16_t unit = units[start + length];
      if (!in_word(unit)) break;
      bytes[length] = uint8_t(lowercase && unit >= 'A' && unit <= 'Z' ? unit - 'A' + 'a' : unit);
    }
    const AsciiWord word = block.word(start, length);
    CHECK(word.length == length);
    CHECK(std::memcmp(word.bytes, bytes, sizeof bytes) == 0);
  }
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

TEST(ascii_blocks_know_every_unit) {
  std::vector<uint16_t> units(AsciiBlock::kSize, 'x');
  for (uint32_t unit = 0; unit < 0x10000; unit++) {
    const size_t place = unit * 7 % AsciiBlock::kSize;
    units[place] = uint16_t(unit);
    check_block(units, unit % 2 == 0);
    units[place] = 'x';
  }
}

TEST(ascii_blocks_know_any_units_side_by_side) {
  Random random(1);
  for (int round = 0; round < 20000; round++) {
    std::vector<uint16_t> units(AsciiBlock::kSize);
    for (uint16_t& unit : units) unit = uint16_t(random.below(random.below(8) == 0 ? 0x10000 : 128));
    check_block(units, random.below(2) == 0);
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
  std::vector<std::pair<std::string, std::vector<uint32_t>>> cases = {
      {"The thes", {4, 4, 5}},
      {"unbelievably", {1, 2, 3}},
      {"abcdbcdbcd", {6, 7, 8, 9, 7, 8, 9, 7, 8, 9}},
      {"zebra", {0}},
      {"UNbelievablys", {1, 2, 3, 5}},
      {"", {}}};
  // Words across the ends of blocks, longer than a register, and longer than a block.
  for (size_t spaces = 1; spaces < 80; spaces++) {
    const std::string before(spaces, ' ');
    cases.push_back({before + "the" + before + "abc " + before + "thes", {4, 6, 7, 8, 4, 5}});
    cases.push_back({before + "a" + std::string(spaces, 'b') + " the", std::vector<uint32_t>(spaces + 1, 7)});
    cases.back().second.front() = 6;
    cases.back().second.push_back(4);
  }
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
