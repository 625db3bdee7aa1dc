#include "segment_search.h"

#include "../kernels/dispatch.h"
#include "../search/sign_search.h"
#include "../search/topk.h"

namespace embedlane {

std::unique_ptr<Search> search_segments(SearchInput input, const std::vector<RowSegment>& segments,
                                        Acceleration acceleration) {
  size_t first = 0;
  for (const RowSegment& segment : segments) {
    RowBlock block;
    block.rows = segment.rows;
    block.scales = segment.scales;
    block.kept_norms = segment.norms.get();
    if (segment.codes && acceleration == Acceleration::kInt8) {
      block.norms = segment.codes->norms();
      block.int8 = &segment.codes->int8;
    } else if (segment.codes) {
      block.signs = segment.codes->codes;
      block.sign_stride = segment.codes->stride;
    } else {
      input.candidates = 0;
    }
    block.stride = segment.stride;
    block.count = segment.count;
    block.first_row = uint32_t(first);
    input.blocks.push_back(block);
    first += segment.count;
  }
  if (input.candidates > 0) return std::make_unique<SignSearch>(input, current_level());
  return std::make_unique<TopKSearch>(input, current_level());
}

}  // namespace embedlane
