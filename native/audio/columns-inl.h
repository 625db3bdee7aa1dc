// Samples into lanes where nothing better than one by one is at hand; see frames-inl.h.

#include <stddef.h>

namespace embedlane {
namespace {

constexpr size_t kColumns = 1;

inline void columns(const float* samples, size_t hop, const double* window, double* out) {
  for (size_t i = 0; i < kLanes; i++) out[i] = double(samples[i * hop]) * *window;
}

}  // namespace
}  // namespace embedlane
