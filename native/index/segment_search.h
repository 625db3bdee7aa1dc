#pragma once

#include <memory>
#include <vector>

#include "../search/search.h"
#include "row_store.h"

namespace embedlane {

// The search that `input`, which has no blocks yet, asks for over the rows of `segments`: they are numbered
// from 0 on. It is exact, whatever input.candidates says, if a segment has no codes. What the segments point
// to must outlive it. Throws std::bad_alloc.
std::unique_ptr<Search> search_segments(SearchInput input, const std::vector<RowSegment>& segments,
                                        Acceleration acceleration);

}  // namespace embedlane
