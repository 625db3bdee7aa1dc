#include "avx512-inl.h"

namespace embedlane {
namespace {

using I = Avx512Bytes;

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

const embedlane::Kernels& embedlane::avx512_kernels() noexcept { return kKernels; }
