#pragma once

#include <cstddef>
#include <cstdint>

namespace embedlane {

// CRC-32C (Castagnoli, RFC 3720) of `data`; `previous` is the CRC of the bytes before it, 0 at the beginning.
// With the CPU's own instruction where there is one.
uint32_t crc32c(const uint8_t* data, size_t length, uint32_t previous);

}  // namespace embedlane
