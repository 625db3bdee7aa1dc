#include "neon-inl.h"

namespace embedlane {
namespace {

using I = NeonBytes;

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

const embedlane::Kernels& embedlane::neon_kernels() noexcept { return kKernels; }
