#pragma once

#include <cstddef>

namespace embedlane {

constexpr size_t divide_up(size_t value, size_t by) { return (value + by - 1) / by; }
constexpr size_t round_up(size_t value, size_t step) { return divide_up(value, step) * step; }

}  // namespace embedlane
