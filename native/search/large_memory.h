#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace embedlane {

constexpr size_t kHugePage = size_t(2) << 20;

// Memory of whole cache lines; of kHugePage bytes or more, in huge pages where the system has them. Its
// contents are undefined. Throws std::bad_alloc.
std::shared_ptr<uint8_t> large_memory(size_t bytes);

}  // namespace embedlane
