#pragma once

#include <cstdint>

namespace embedlane {

// A row that the filter could not rule out for a query, and whose canonical score nobody has computed yet.
struct Survivor {
  float high;      // the goodness of its score (see order.h) is at most this
  uint32_t block;  // index in SearchInput::blocks
  uint32_t row;    // its number
};

}  // namespace embedlane
