#include "resample.h"

#include <algorithm>

namespace embedlane {

bool Resampling::fits(const ResampleInput& input) {
  if (input.out_count == 0) return true;
  const uint64_t limit = UINT64_C(1) << 62;
  if (input.first >= limit || input.step >= limit / input.out_count) return false;
  const uint64_t last = (input.first + (input.out_count - 1) * input.step) / input.denominator;
  return last < input.sample_count && input.sample_count - last >= input.taps;
}

void Resampling::work(const std::atomic<bool>& cancelled) {
  const auto dots = kernels_.rows[size_t(Dtype::kF32)].dots;
  for (size_t unit = next_++; unit < units(); unit = next_++) {
    if (cancelled.load(std::memory_order_relaxed)) return;
    const size_t end = std::min(input_.out_count, (unit + 1) * kUnit);
    for (size_t n = unit * kUnit; n < end; n++) {
      const uint64_t position = input_.first + n * input_.step;
      const uint64_t between = position % input_.denominator * input_.phases;
      const uint64_t phase = between / input_.denominator;
      const uint64_t rest = between % input_.denominator;
      // The next filter of the bank is the next row: both products in one call.
      double products[2];
      dots(input_.samples + position / input_.denominator, input_.bank + phase * input_.taps,
           input_.taps * sizeof(float), rest == 0 ? 1 : 2, input_.taps, products);
      const double share = double(rest) / double(input_.denominator);
      input_.out[n] = float(rest == 0 ? products[0] : products[0] + (products[1] - products[0]) * share);
    }
  }
}

}  // namespace embedlane
