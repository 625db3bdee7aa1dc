#pragma once

#include <napi.h>

namespace embedlane {

// logMel(samples, spec, window, starts, counts, weights, threads, out) → task
Napi::Value log_mel(const Napi::CallbackInfo& info);
// resample(samples, bank, spec, threads, out) → task
Napi::Value resample(const Napi::CallbackInfo& info);

}  // namespace embedlane
