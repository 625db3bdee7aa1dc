#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// Mean of rows of a table: summed in float32, one after another per column, and divided by their number, so
// that every level gives the same bits: out[d] = (((0 + table[ids[0]][d]) + table[ids[1]][d]) + …) / count
// for d < dims; zeros if count is 0. `stride` is the width of the table. The first `readable` ids, at least
// count, are valid: rows behind the last are those that are wanted next.
using BagMean = void (*)(const float* table, size_t stride, const uint32_t* ids, size_t count,
                         size_t readable, size_t dims, float* out);

void bag_mean_scalar(const float*, size_t, const uint32_t*, size_t, size_t, size_t, float*);
void bag_mean_avx2(const float*, size_t, const uint32_t*, size_t, size_t, size_t, float*);
void bag_mean_avx512(const float*, size_t, const uint32_t*, size_t, size_t, size_t, float*);
void bag_mean_neon(const float*, size_t, const uint32_t*, size_t, size_t, size_t, float*);

// That of the level in use.
BagMean current_bag_mean();

}  // namespace embedlane
