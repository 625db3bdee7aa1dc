#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// Sums rows of a table in float32, one after another per column, so that every level gives the same bits:
// out[d] = ((0 + table[ids[0]][d]) + table[ids[1]][d]) + … for d < dims. `stride` is the width
// of the table.
using BagSums = void (*)(const float* table, size_t stride, const uint32_t* ids, size_t count, size_t dims,
                         float* out);

void bag_sums_scalar(const float*, size_t, const uint32_t*, size_t, size_t, float*);
void bag_sums_avx2(const float*, size_t, const uint32_t*, size_t, size_t, float*);
void bag_sums_avx512(const float*, size_t, const uint32_t*, size_t, size_t, float*);
void bag_sums_neon(const float*, size_t, const uint32_t*, size_t, size_t, float*);

// That of the level in use.
BagSums current_bag_sums();

}  // namespace embedlane
