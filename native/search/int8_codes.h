#pragma once

#include <cstddef>
#include <cstdint>

#include "../kernels/dispatch.h"

namespace embedlane {

// Rows of float32 in 8 bits, beside the rows themselves: x ≈ scale · code. A search that has them reads four
// times fewer bytes and computes four products at a time, and scores only those rows whose error bound leaves
// them a chance: the result is that of the search without. All of it is the caller's memory.
struct Int8Codes {
  const int8_t* codes = nullptr;
  size_t stride = 0;              // bytes from row to row, at least dims
  const float* scales = nullptr;  // per row
  const float* errors = nullptr;  // per row: at least ‖x − scale · code‖
};

// Makes the codes of `count` rows of float32, `stride` bytes apart, and their norms (see RowBlock::norms).
// A row with a NaN or an infinite element gets an infinite error, which sends it to the canonical step.
void make_int8_codes(const Kernels& kernels, const void* rows, size_t stride, size_t count, size_t dims,
                     int8_t* codes, size_t code_stride, float* scales, float* errors, float* norms);

}  // namespace embedlane
