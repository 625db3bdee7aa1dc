#pragma once

#include <cstdint>

namespace embedlane {

// A row that the filter could not rule out for a query, and whose canonical score nobody has computed yet.
struct Survivor {
  float value;     // the filter's
  float norm;      // of the row, as FilterBounds uses it
  float error;     // of the row's code; 0 where there is none
  uint32_t block;  // index in SearchInput::blocks
  uint32_t row;    // its number
};

}  // namespace embedlane
