#pragma once

#include <cstddef>

#include "../kernels/compiler.h"

namespace embedlane {

// Asks for memory, where the compiler can say so. For EMBEDLANE_INLINE see there; what does nothing but call
// it needs it too.
EMBEDLANE_INLINE void prefetch_lines([[maybe_unused]] const void* address, [[maybe_unused]] size_t bytes) {
#if defined(__GNUC__)
  constexpr size_t kLine = 64;
  const char* const first = static_cast<const char*>(address);
  for (size_t b = 0; b < bytes; b += kLine) __builtin_prefetch(first + b);
  // It need not begin with a line.
  if (bytes > 1) __builtin_prefetch(first + bytes - 1);
#endif
}

}  // namespace embedlane
