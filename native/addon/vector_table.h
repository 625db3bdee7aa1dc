#pragma once

#include <napi.h>

#include <memory>

#include "../storage/mapped_file.h"

namespace embedlane {

// Vectors in float32, one after another: those of a Float32Array, or a part of a mapped file.
struct VectorTable {
  const float* data;
  size_t length;
  std::shared_ptr<const MappedFile> file;  // keeps the vectors in place; null for an array
};

// Argument `index`: a Float32Array, or what mapTable returned. Throws a Napi::Error.
VectorTable vector_table(const Napi::CallbackInfo& info, size_t index);

// NativeBinding.mapTable, see src/native/binding.ts.
Napi::Value map_table(const Napi::CallbackInfo& info);

}  // namespace embedlane
