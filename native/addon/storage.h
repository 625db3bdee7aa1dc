#pragma once

#include <napi.h>

namespace embedlane {

// NativeBinding.crc32c and lockFile, see src/native/binding.ts.
Napi::Value crc32c_of(const Napi::CallbackInfo& info);
Napi::Value lock_file(const Napi::CallbackInfo& info);

// Throws the ERR_IO for a failed operation on a file.
[[noreturn]] void throw_io(Napi::Env env, const std::string& path, const std::exception& error);

}  // namespace embedlane
