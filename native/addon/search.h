#pragma once

#include <napi.h>

namespace embedlane {

// NativeBinding.topKSync and topK, see src/native/binding.ts, with two arguments more: the arrays for indices
// and scores.
Napi::Value top_k_sync(const Napi::CallbackInfo& info);
Napi::Value top_k(const Napi::CallbackInfo& info);

// NativeBinding.measureLimits.
Napi::Value measure_limits(const Napi::CallbackInfo& info);

}  // namespace embedlane
