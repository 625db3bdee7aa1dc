#include <cmath>
#include <limits>

#include "runner.h"

namespace embedlane::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<size_t> lengths() {
  std::vector<size_t> all;
  for (size_t n = 0; n <= 130; n++) all.push_back(n);
  all.insert(all.end(), {384, 768, 1025, 4097});
  return all;
}

TEST(element_wise_kernels_equal_plain_loops) {
  Random random(2);
  for (const size_t n : lengths()) {
    const std::vector<float> x = random.vector(n, 3);
    for (const Level level : levels()) {
      const Kernels& kernels = kernels_of(level);
      std::vector<double> sums(n, 0.25);
      std::vector<float> best(n, 0.5f), out(n), scaled = x;
      if (n > 2) best[1] = kNan;
      kernels.accumulate(x.data(), 7, n, sums.data());
      kernels.maximum(x.data(), n, best.data());
      kernels.divide(sums.data(), 3, n, out.data());
      kernels.scale(1.0 / 3, n, scaled.data());
      for (size_t i = 0; i < n; i++) {
        CHECK(sums[i] == 0.25 + 7 * double(x[i]));
        CHECK(n > 2 && i == 1 ? std::isnan(best[i]) : best[i] == std::max(0.5f, x[i]));
        CHECK(out[i] == float(sums[i] / 3));
        CHECK(scaled[i] == float(double(x[i]) * (1.0 / 3)));
      }
    }
  }
}

}  // namespace
}  // namespace embedlane::test
