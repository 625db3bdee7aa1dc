#include "bag_sums.h"

#include "dispatch.h"

namespace embedlane {

BagSums current_bag_sums() {
  switch (current_level()) {
#if defined(__x86_64__) || defined(_M_X64)
    case Level::kAvx2:
      return bag_sums_avx2;
    case Level::kAvx512:
    case Level::kAvx512Vnni:
      return bag_sums_avx512;
#elif defined(__aarch64__) || defined(_M_ARM64)
    case Level::kNeon:
    case Level::kNeonDotprod:
      return bag_sums_neon;
#endif
    default:
      return bag_sums_scalar;
  }
}

}  // namespace embedlane
