#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace embedlane {

constexpr size_t kLargePage = size_t(2) << 20;

// Asks for large pages, best for memory that is about to be written for the first time: each of them replaces
// hundreds of page faults and of entries in the processor's address caches. A scan over small ones reaches
// about two thirds of the memory's bandwidth. Memory in use the system moves in its own time. A hint, on
// Linux only.
void prefer_large_pages(void* data, size_t bytes);

// Memory of whole cache lines; of kLargePage bytes or more, in large pages where the system has them. Its
// contents are undefined. Throws std::bad_alloc.
std::shared_ptr<uint8_t> large_memory(size_t bytes);

}  // namespace embedlane
