// The tokenizer: any text in UTF-16, ill-formed too, with any well-formed vocabulary.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "../tokenizer/wordpiece.h"
#include "input.h"

namespace embedlane::fuzz {
namespace {

struct Texts {
  std::vector<uint16_t> units;
  std::vector<uint32_t> ends;

  Strings strings() const { return {units, ends}; }
};

// A vocabulary comes from a file that was checked: no surrogate stands alone.
Texts vocabulary(FuzzedDataProvider& in, size_t most) {
  Texts texts;
  const size_t count = in.ConsumeIntegralInRange<size_t>(0, most);
  for (size_t t = 0; t < count; t++) {
    for (size_t length = in.ConsumeIntegralInRange<size_t>(0, 12); length > 0; length--) {
      uint16_t unit =
          in.ConsumeBool() ? in.ConsumeIntegralInRange<uint16_t>(32, 126) : in.ConsumeIntegral<uint16_t>();
      if ((unit & 0xfc00) == 0xd800) {
        texts.units.push_back(unit);
        unit = uint16_t(0xdc00 | (unit & 0x3ff));
      } else if ((unit & 0xfc00) == 0xdc00) {
        unit = '#';
      }
      texts.units.push_back(unit);
    }
    texts.ends.push_back(uint32_t(texts.units.size()));
  }
  return texts;
}

}  // namespace

void run(FuzzedDataProvider& in) {
  const Texts words = vocabulary(in, 30), added = vocabulary(in, 4);
  const Texts prefixes = vocabulary(in, 1);
  std::vector<uint32_t> ids(words.ends.size()), added_ids(added.ends.size());
  for (size_t i = 0; i < ids.size(); i++) ids[i] = uint32_t(i);
  for (size_t i = 0; i < added_ids.size(); i++) added_ids[i] = uint32_t(1000 + i);
  const uint32_t unknown = 5000;
  const WordPiece::Options options = {in.ConsumeBool(), unknown, in.ConsumeIntegralInRange<size_t>(0, 200)};
  const WordPiece model(words.strings(), ids.data(), prefixes.units, added.strings(), added_ids.data(),
                        options);
  WordPiece::Scratch scratch;
  while (in.remaining_bytes() > 0) {
    TokenLimits limits;
    if (in.ConsumeBool()) limits.most = in.ConsumeIntegralInRange<size_t>(0, 40);
    limits.from_end = in.ConsumeBool();
    limits.drop_unknown = in.ConsumeBool();
    const std::string bytes = in.ConsumeRandomLengthString(512);
    std::vector<uint16_t> units(bytes.size() / 2);
    if (!units.empty()) std::memcpy(units.data(), bytes.data(), 2 * units.size());
    // What follows the text in memory is not its own.
    const std::span<const uint16_t> text =
        std::span(units).first(in.ConsumeIntegralInRange<size_t>(0, units.size()));
    std::vector<uint32_t> tokens(WordPiece::kMostPerUnit * text.size());
    size_t count = 0;
    const bool known = model.encode(text, units.size(), limits, scratch, tokens.data(), &count);
    const std::vector<uint16_t> copy(text.begin(), text.end());
    std::vector<uint32_t> alone(tokens.size());
    size_t alone_count = 0;
    WordPiece::Scratch fresh;
    require(model.encode(copy, copy.size(), limits, fresh, alone.data(), &alone_count) == known,
            "the same texts are known");
    if (!known) continue;
    require(count == alone_count && std::equal(alone.begin(), alone.begin() + count, tokens.begin()),
            "the same ids, whatever follows and was seen before");
    require(count <= std::min(limits.most, tokens.size()), "as many tokens as are wanted");
    for (size_t i = 0; i < count; i++) {
      const uint32_t id = tokens[i];
      const bool ours = id < ids.size() || (id >= 1000 && id - 1000 < added_ids.size());
      require(ours || (id == unknown && !limits.drop_unknown), "ids of the vocabulary");
    }
  }
}

}  // namespace embedlane::fuzz
