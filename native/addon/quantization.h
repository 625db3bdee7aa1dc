#pragma once

#include <napi.h>

namespace embedlane {

// The conversions of NativeBinding, see src/native/binding.ts.
void to_half(const Napi::CallbackInfo& info);
void from_half(const Napi::CallbackInfo& info);
Napi::Value find_ranges(const Napi::CallbackInfo& info);
Napi::Value quantize_ranges(const Napi::CallbackInfo& info);
void dequantize_ranges(const Napi::CallbackInfo& info);
Napi::Value quantize_scaled(const Napi::CallbackInfo& info);
void dequantize_scaled(const Napi::CallbackInfo& info);
Napi::Value pack_bits(const Napi::CallbackInfo& info);
void unpack_bits(const Napi::CallbackInfo& info);

}  // namespace embedlane
