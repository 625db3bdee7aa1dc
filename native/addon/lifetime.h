#pragma once

#include <napi.h>

namespace embedlane {

// endWithParent(): whether the operating system will end this process as soon as its parent is gone.
Napi::Value end_with_parent(const Napi::CallbackInfo& info);

}  // namespace embedlane
