#pragma once

#include <napi.h>

#include <memory>

#include "environment.h"

namespace embedlane {

// Starts `job` on up to `threads` pool threads and returns what JavaScript gets of it: { promise, cancel }.
// Throws a Napi::Error, ERR_RUNTIME, if there are no threads to be had.
Napi::Object start_task(Napi::Env env, const std::shared_ptr<AsyncJob>& job, size_t threads);

}  // namespace embedlane
