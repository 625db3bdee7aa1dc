#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace embedlane::fuzz {

// What a target does with one input.
void run(FuzzedDataProvider& in);

// Ends the process, which libFuzzer reports with the input that led here.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "Expected %s\n", what);
  std::abort();
}

// `count` values of any bits in memory of exactly their size, so that AddressSanitizer sees the first one
// beyond.
template <class T>
std::vector<T> values(FuzzedDataProvider& in, size_t count) {
  std::vector<T> out(count);
  if (count > 0) in.ConsumeData(out.data(), count * sizeof(T));
  return out;
}

}  // namespace embedlane::fuzz
