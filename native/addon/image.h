#pragma once

#include <napi.h>

namespace embedlane {

// Image resampling; the contract is ImageBinding in src/native/image-binding.ts.
void resize_image(const Napi::CallbackInfo& info);
void resize_image_to_planes(const Napi::CallbackInfo& info);

}  // namespace embedlane
