#pragma once

#include <cstddef>

#include "../kernels/dispatch.h"

namespace embedlane {

// What a machine can do at most, to set measured speeds against.
struct Roofline {
  double flops;             // float32 operations a second, multiply-adds counting two
  double bytes_per_second;  // read from memory
};

// Measures both with `threads` threads and the instructions of `level`: best of several short runs, about
// half a second in all, with 256 MB of memory. Throws std::bad_alloc, or std::system_error if threads run
// out.
Roofline measure_roofline(Level level, size_t threads);

}  // namespace embedlane
