#pragma once

#include <cstddef>
#include <cstdint>

#include "../kernels/dispatch.h"

namespace embedlane {

// Pillow's resampling filters, by Pillow's numbers.
enum class Filter { kNearest, kLanczos, kBilinear, kBicubic, kBox, kHamming };
constexpr size_t kFilterCount = 6;

// Largest width or height of an image and a canvas: sums of sizes stay far from overflow.
constexpr size_t kMaxImageSide = 0x7fffffff;

// Largest width or height of a resized image: nearest neighbours are counted one by one from its edge.
constexpr size_t kMaxResizedSide = size_t(1) << 26;

// One direction of a resize, in pixels. The image lies at `offset` on a black canvas (a padded image; without
// padding the canvas is the image), the canvas is resized, and a window is cut out of the result. What of the
// window lies outside the result is black.
struct ResizeAxis {
  size_t image;
  size_t canvas;  // at least offset + image
  size_t offset;
  size_t resized;
  ptrdiff_t window_start;  // in the resized canvas; may be negative
  size_t window;
};

struct Resize {
  const uint8_t* pixels;  // [y.image][x.image][3]
  ResizeAxis x, y;
  Filter filter;
  // Pillow 13 and later resize the height first where that saves work; 12 and earlier never do. Both passes
  // round to 8 bits, so the order can be seen in the result.
  bool height_first_allowed;
};

// Image.resize of Pillow on RGB, bit for bit: two passes of 22-bit fixed-point weights, each rounded to 8
// bits. Throws std::bad_alloc.
//
// out: [y.window][x.window][3]
void resize(const Resize& input, Level level, uint8_t* out);

// The same, followed by a table per channel and the transposition that networks take:
// out[c][i] = table[c][pixel i's channel c]. `table` is [3][256], `out` is [3][y.window][x.window].
void resize_to_planes(const Resize& input, Level level, const float* table, float* out);

}  // namespace embedlane
