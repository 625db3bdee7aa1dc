#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../kernels/dispatch.h"

// A test runner of the size that these tests need: they run without Node, under sanitizers, on foreign
// architectures under emulation.
namespace embedlane::test {

struct Case {
  const char* name;
  void (*run)();
};

std::vector<Case>& cases();
void fail(const char* file, int line, const std::string& message);

struct Register {
  Register(const char* name, void (*run)()) { cases().push_back({name, run}); }
};

#define TEST(name)                                               \
  static void name();                                            \
  static const ::embedlane::test::Register name##_(#name, name); \
  static void name()

#define CHECK(condition) CHECK_MESSAGE(condition, #condition)
#define CHECK_MESSAGE(condition, message)                                     \
  do {                                                                        \
    if (!(condition)) ::embedlane::test::fail(__FILE__, __LINE__, (message)); \
  } while (false)

std::vector<Level> levels();

// xorshift64, so that a failure repeats.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint64_t next();
  size_t below(size_t n) { return next() % n; }
  float normal();  // roughly

  // Memory of exactly n floats, so that AddressSanitizer sees the first step beyond.
  std::vector<float> vector(size_t n, float scale = 1);

 private:
  uint64_t state_;
};

}  // namespace embedlane::test
