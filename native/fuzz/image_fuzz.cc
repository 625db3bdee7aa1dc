// Resizing: any geometry that the addon's argument layer lets through, at the bounds of its numbers too.
// Every instruction set gives the same bytes.
#include <algorithm>
#include <new>

#include "../image/resample.h"
#include "input.h"

namespace embedlane::fuzz {
namespace {

// Inputs that one output is made of, and outputs that Pillow's nearest neighbour counts: what makes a resize
// slow, and is not the subject.
constexpr size_t kMostRatio = 4096;
constexpr size_t kMostNearest = 100'000;

ResizeAxis axis(FuzzedDataProvider& in) {
  ResizeAxis axis;
  axis.image = in.ConsumeIntegralInRange<size_t>(1, 48);
  const bool huge = in.ConsumeIntegralInRange(0, 7) == 0;
  const size_t most = huge ? kMaxImageSide : 300;
  axis.canvas = in.ConsumeIntegralInRange<size_t>(axis.image, most);
  axis.offset = in.ConsumeIntegralInRange<size_t>(0, axis.canvas - axis.image);
  axis.resized = in.ConsumeIntegralInRange<size_t>(axis.canvas / kMostRatio + 1, most);
  const ptrdiff_t furthest = huge ? ptrdiff_t(kMaxImageSide) : 320;
  axis.window_start = in.ConsumeIntegralInRange<ptrdiff_t>(-furthest, furthest);
  axis.window = in.ConsumeIntegralInRange<size_t>(1, 64);
  return axis;
}

}  // namespace

void run(FuzzedDataProvider& in) {
  Resize input;
  input.x = axis(in);
  input.y = axis(in);
  input.filter = Filter(in.ConsumeIntegralInRange<size_t>(0, kFilterCount - 1));
  input.height_first_allowed = in.ConsumeBool();
  if (input.filter == Filter::kNearest && std::max(input.x.resized, input.y.resized) > kMostNearest) return;
  const std::vector<uint8_t> pixels = values<uint8_t>(in, 3 * input.x.image * input.y.image);
  input.pixels = pixels.data();
  const size_t size = 3 * input.x.window * input.y.window;
  std::vector<uint8_t> expected(size), actual(size);
  try {
    resize(input, Level::kScalar, expected.data());
    resize(input, current_level(), actual.data());
    require(actual == expected, "the same pixels on every instruction set");
    const std::vector<float> table = values<float>(in, 3 * 256);
    std::vector<float> planes(size);
    resize_to_planes(input, current_level(), table.data(), planes.data());
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace embedlane::fuzz
