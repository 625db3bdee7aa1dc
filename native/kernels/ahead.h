#pragma once

#include <stddef.h>

namespace embedlane {

// How far ahead of their use rows are asked for, beyond the rows that are being read, in bytes: from memory
// into the second-level cache first, which waits for some fifty lines at a time, and the first level for
// sixteen at most. These are too few for the memory's speed: rows from memory take a sixth less time this way
// (Emerald Rapids), those in the third level up to 7 % more.
constexpr size_t kAhead = 2048;
constexpr size_t kFarAhead = 16384;

}  // namespace embedlane
