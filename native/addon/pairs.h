#pragma once

#include <napi.h>

namespace embedlane {

// Adds dot, cosine, l2, l1, hamming and jaccard of one pair of vectors, see NativeBinding in
// src/native/binding.ts.
void define_pairs(Napi::Env env, Napi::Object exports);

}  // namespace embedlane
