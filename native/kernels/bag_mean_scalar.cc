#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

namespace embedlane {
namespace {

struct W {
  using F = float;
  static constexpr int kF = 1;
  static F zero() { return 0; }
  static F set(float x) { return x; }
  static F load(const float* p) { return *p; }
  static void store(float* p, F a) { *p = a; }
  static F add(F a, F b) { return a + b; }
  static F div(F a, F b) { return a / b; }
  static void prefetch(const float*) {}
  static constexpr int kBlock = 8;
};

}  // namespace
}  // namespace embedlane

#include "bag_mean-inl.h"

void embedlane::bag_mean_scalar(const float* table, size_t stride, const uint32_t* ids, size_t count,
                                size_t readable, size_t dims, float* out) {
  mean_rows(table, stride, ids, count, readable, dims, out);
}
