#include "input.h"

// What libFuzzer calls, with each input, in every target.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider in(data, size);
  embedlane::fuzz::run(in);
  return 0;
}
