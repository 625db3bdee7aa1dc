#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace embedlane {

struct AlignedDelete {
  void operator()(void* p) const { ::operator delete[](p, std::align_val_t{64}); }
};

// Memory of whole cache lines.
template <class T>
using Aligned = std::unique_ptr<T[], AlignedDelete>;

template <class T>
Aligned<T> aligned(size_t count) {
  return Aligned<T>(static_cast<T*>(::operator new[](count * sizeof(T), std::align_val_t{64})));
}

}  // namespace embedlane
