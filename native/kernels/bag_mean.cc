#include "bag_mean.h"

#include "dispatch.h"

namespace embedlane {

BagMean current_bag_mean() {
  switch (current_level()) {
#if defined(__x86_64__) || defined(_M_X64)
    case Level::kAvx2:
      return bag_mean_avx2;
    case Level::kAvx512:
    case Level::kAvx512Vnni:
      return bag_mean_avx512;
#elif defined(__aarch64__) || defined(_M_ARM64)
    case Level::kNeon:
    case Level::kNeonDotprod:
      return bag_mean_neon;
#endif
    default:
      return bag_mean_scalar;
  }
}

}  // namespace embedlane
