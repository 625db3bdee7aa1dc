#pragma once

#include <cstddef>

namespace embedlane {

// Asks for large pages for memory that is about to be written for the first time: each of them replaces
// hundreds of page faults and of entries in the processor's address caches. A hint, on Linux only.
void prefer_large_pages(void* data, size_t bytes);

}  // namespace embedlane
