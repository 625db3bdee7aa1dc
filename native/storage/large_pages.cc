#include "large_pages.h"

#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace embedlane {

void prefer_large_pages([[maybe_unused]] void* data, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // Only pages that lie within: the rest belongs to somebody else, too.
  const uintptr_t start = reinterpret_cast<uintptr_t>(data), end = start + bytes;
  const uintptr_t first = (start + kLargePage - 1) & ~(kLargePage - 1), last = end & ~(kLargePage - 1);
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

std::shared_ptr<uint8_t> large_memory(size_t bytes) {
  const std::align_val_t alignment{bytes >= kLargePage ? kLargePage : 64};
  uint8_t* memory = static_cast<uint8_t*>(::operator new(bytes, alignment));
  prefer_large_pages(memory, bytes);
  return {memory, [alignment](uint8_t* p) { ::operator delete(p, alignment); }};
}

}  // namespace embedlane
