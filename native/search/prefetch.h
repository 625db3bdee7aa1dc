#pragma once

#include <cstddef>

namespace embedlane {

// Asks for memory, where the compiler can say so.
inline void prefetch_lines([[maybe_unused]] const char* address, [[maybe_unused]] size_t bytes) {
#if defined(__GNUC__)
  constexpr size_t kLine = 64;
  for (size_t b = 0; b < bytes; b += kLine) __builtin_prefetch(address + b);
#endif
}

}  // namespace embedlane
