#include <stddef.h>

#include "frames.h"

namespace embedlane {
namespace {

constexpr size_t kLanes = 2;

}  // namespace
}  // namespace embedlane

#include "columns-inl.h"
#include "frames-inl.h"

void embedlane::neon_mel(const MelPlan& plan, const float* samples, size_t hop, double* scratch, float* out,
                         size_t stride, double* most) {
  mel(plan, samples, hop, scratch, out, stride, most);
}
