#pragma once

#include <cstddef>

#include "../kernels/dispatch.h"

namespace embedlane {

// What a machine can do at most, to set measured speeds against: operations a second, multiply-adds counting
// two, and bytes a second.
struct Roofline {
  double f32;
  // 0 where no instruction of the level multiplies such elements (or compares and counts bits).
  double bf16;
  double i8;
  double b1;
  double bytes_per_second;  // read from memory
};

// Measures everything with `threads` threads and the instructions of `level`: best of several short runs,
// about half a second in all, with 256 MB of memory. Throws std::bad_alloc, or std::system_error if threads
// run out.
Roofline measure_roofline(Level level, size_t threads);

}  // namespace embedlane
