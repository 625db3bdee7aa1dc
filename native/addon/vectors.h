#pragma once

#include <napi.h>

namespace embedlane {

// The synchronous functions of NativeBinding, see src/native/binding.ts. pool has one argument more: the
// array for its result.
Napi::Value dot(const Napi::CallbackInfo& info);
Napi::Value cosine(const Napi::CallbackInfo& info);
Napi::Value l2(const Napi::CallbackInfo& info);
void matrix(const Napi::CallbackInfo& info);
void normalize_rows(const Napi::CallbackInfo& info);
void pool(const Napi::CallbackInfo& info);

}  // namespace embedlane
