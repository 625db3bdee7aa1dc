#include "large_memory.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace embedlane {

std::shared_ptr<uint8_t> large_memory(size_t bytes) {
  const std::align_val_t alignment{bytes >= kHugePage ? kHugePage : 64};
  uint8_t* memory = static_cast<uint8_t*>(::operator new(bytes, alignment));
#if defined(MADV_HUGEPAGE)
  // A scan over 4 KiB pages reaches about two thirds of the memory's bandwidth.
  if (bytes >= kHugePage) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return {memory, [alignment](uint8_t* p) { ::operator delete(p, alignment); }};
}

}  // namespace embedlane
