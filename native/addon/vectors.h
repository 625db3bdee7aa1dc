#pragma once

#include <napi.h>

namespace embedlane {

// The synchronous functions of NativeBinding, see src/native/binding.ts. pool has one argument more, the
// array for its result, and matrix takes the dtype's number.
void matrix(const Napi::CallbackInfo& info);
void normalize_rows(const Napi::CallbackInfo& info);
void pool(const Napi::CallbackInfo& info);

}  // namespace embedlane
