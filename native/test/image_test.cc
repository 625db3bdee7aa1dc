#include <cmath>

#include "../image/resample.h"
#include "../image/weights.h"
#include "runner.h"

namespace embedlane::test {
namespace {

ResizeAxis random_axis(Random& random, size_t image) {
  ResizeAxis axis;
  axis.image = image;
  axis.offset = random.below(3) == 0 ? random.below(20) : 0;
  axis.canvas = image + axis.offset + (axis.offset > 0 ? random.below(20) : 0);
  axis.resized = random.below(8) == 0 ? axis.canvas : 1 + random.below(2 * axis.canvas + 20);
  axis.window_start = ptrdiff_t(random.below(axis.resized)) - ptrdiff_t(random.below(10));
  axis.window = 1 + random.below(axis.resized + 5);
  return axis;
}

// Memory of exactly the image's size, so that AddressSanitizer sees the first byte beyond.
TEST(every_level_resizes_alike) {
  Random random(11);
  for (int round = 0; round < 400; round++) {
    Resize input;
    input.x = random_axis(random, 1 + random.below(round % 10 == 0 ? 700 : 60));
    input.y = random_axis(random, 1 + random.below(60));
    input.filter = Filter(round % kFilterCount);
    input.height_first_allowed = random.below(2) == 0;
    std::vector<uint8_t> pixels(3 * input.x.image * input.y.image);
    for (uint8_t& byte : pixels)
      byte = round % 7 == 0 ? uint8_t(255 * random.below(2)) : uint8_t(random.next());
    input.pixels = pixels.data();
    const size_t size = 3 * input.x.window * input.y.window;
    std::vector<uint8_t> expected(size), actual(size);
    resize(input, Level::kScalar, expected.data());
    for (const Level level : levels()) {
      std::fill(actual.begin(), actual.end(), uint8_t(0xcc));
      resize(input, level, actual.data());
      CHECK(actual == expected);
    }
  }
}

TEST(weights_of_a_pixel_sum_to_one) {
  Random random(12);
  for (int round = 0; round < 300; round++) {
    ResizeAxis axis = random_axis(random, 1 + random.below(300));
    axis = {axis.image, axis.image, 0, axis.resized, 0, axis.resized};
    const Filter filter = Filter(1 + random.below(kFilterCount - 1));
    const Weights weights = resample_weights(axis, filter);
    for (size_t i = 0; i < weights.outputs; i++) {
      int64_t sum = 0;
      for (size_t j = 0; j < weights.counts[i]; j++) sum += weights.values[i * weights.stride + j];
      CHECK(std::abs(sum - (int64_t(1) << kWeightBits)) <= int64_t(weights.counts[i]));
      CHECK(weights.starts[i] + weights.counts[i] <= axis.image);
    }
  }
}

TEST(planes_hold_the_table_of_every_pixel) {
  Random random(13);
  std::vector<float> table(768);
  for (size_t i = 0; i < table.size(); i++) table[i] = float(i);
  for (const Level level : levels()) {
    Resize input = {};
    input.x = {37, 37, 0, 20, 3, 11};
    input.y = {41, 41, 0, 20, -2, 13};
    input.filter = Filter::kBicubic;
    std::vector<uint8_t> pixels(3 * 37 * 41);
    for (uint8_t& byte : pixels) byte = uint8_t(random.next());
    input.pixels = pixels.data();
    std::vector<uint8_t> rgb(3 * 11 * 13);
    std::vector<float> planes(rgb.size());
    resize(input, level, rgb.data());
    resize_to_planes(input, level, table.data(), planes.data());
    for (size_t i = 0; i < 11 * 13; i++) {
      for (size_t c = 0; c < 3; c++) CHECK(planes[c * 11 * 13 + i] == float(256 * c + rgb[3 * i + c]));
    }
  }
}

}  // namespace
}  // namespace embedlane::test
