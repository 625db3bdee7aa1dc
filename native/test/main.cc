#include <cstdio>
#include <cstring>

#include "runner.h"

namespace embedlane::test {
namespace {

int failures = 0;

}  // namespace

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

void fail(const char* file, int line, const std::string& message) {
  // The first few say everything; a broken kernel fails millions of times.
  if (++failures <= 20) std::fprintf(stderr, "%s:%d: %s\n", file, line, message.c_str());
}

std::vector<Level> levels() {
  std::vector<Level> found;
  for (size_t i = 0; i < kLevelCount; i++) {
    if (level_available(Level(i))) found.push_back(Level(i));
  }
  return found;
}

uint64_t Random::next() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return state_;
}

float Random::normal() {
  const uint64_t bits = next();
  float sum = -2;
  for (int i = 0; i < 4; i++) sum += float(bits >> (16 * i) & 0xffff) / 65536;
  return sum * 1.732f;
}

std::vector<float> Random::vector(size_t n, float scale) {
  std::vector<float> values(n);
  for (float& value : values) value = normal() * scale;
  return values;
}

}  // namespace embedlane::test

// embedlane_native_tests [--without PREFIX] leaves out the tests whose names begin so.
int main(int count, char** arguments) {
  using namespace embedlane::test;
  const bool without = count == 3 && std::strcmp(arguments[1], "--without") == 0;
  for (const Case& each : cases()) {
    if (without && std::strncmp(each.name, arguments[2], std::strlen(arguments[2])) == 0) continue;
    const int before = failures;
    each.run();
    std::printf("%s %s\n", failures == before ? "ok    " : "FAILED", each.name);
  }
  std::printf("levels:");
  for (const embedlane::Level level : levels()) std::printf(" %s", embedlane::level_name(level));
  std::printf("\n%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
