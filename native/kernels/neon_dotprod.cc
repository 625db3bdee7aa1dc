#include "neon-inl.h"

namespace embedlane {
namespace {

// The dot product instructions of Armv8.2.
struct I : NeonBytes {
  static S dot_i8(S sum, B a, B b) { return vdotq_s32(sum, vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)); }
  static S dot_u8(S sum, B a, B b) {
    return vreinterpretq_s32_u32(vdotq_u32(vreinterpretq_u32_s32(sum), a, b));
  }
  static S square_u8(S sum, B a) { return dot_u8(sum, a, a); }
};

}  // namespace
}  // namespace embedlane

#include "kernels-inl.h"

namespace embedlane {

const Kernels& neon_dotprod_kernels() noexcept {
  static const Kernels kernels = with_integers_of(neon_kernels());
  return kernels;
}

}  // namespace embedlane
