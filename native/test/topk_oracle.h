#pragma once

#include <vector>

#include "../search/topk.h"
#include "runner.h"
#include "topk_input.h"

namespace embedlane::test {

// What a search is to find.
struct Found {
  std::vector<uint32_t> rows;
  std::vector<float> scores;
};

// By sorting every canonical score.
std::vector<Found> by_sorting(const SearchInput& in);

// Searches at every level, with one thread and with several.
void check_search(const SearchInput& in);

}  // namespace embedlane::test
