#pragma once

#include <cstddef>

#include "kernels.h"
#include "tiles.h"

namespace embedlane {

// Instruction-set levels. Order within an architecture is the order of preference, lowest first.
enum class Level { kScalar, kAvx2, kAvx512, kAvx512Vnni, kNeon, kNeonDotprod };
constexpr size_t kLevelCount = 6;

// The name that EMBEDLANE_SIMD and simd() use.
const char* level_name(Level level);

// Whether this build has the level and the CPU and the operating system support it. Reads CPUID and XCR0 (or
// the kernel's capability words); never tries an instruction out.
bool level_available(Level level);

// The level in use: the highest available one, unless set_level() chose another. One choice per process.
Level current_level();
// Returns false, changing nothing, if the level is not available.
bool set_level(Level level);

const Kernels& kernels_of(Level level);
// The current level's kernels. Look them up once per piece of work, not once per vector.
const Kernels& current_kernels();
// Without those that this CPU has an instruction for, but a slow one.
const Tiles& tiles_of(Level level);

inline const RowKernels& row_kernels(const Kernels& kernels, Dtype dtype) {
  return kernels.rows[size_t(dtype)];
}

}  // namespace embedlane
