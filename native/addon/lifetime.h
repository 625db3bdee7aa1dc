#pragma once

#include <napi.h>

namespace embedlane {

// endWithParent(): whether the operating system will end this process as soon as its parent is gone, and with
// it the group of processes that it leads.
Napi::Value end_with_parent(const Napi::CallbackInfo& info);

}  // namespace embedlane
