#pragma once

#include <napi.h>

namespace embedlane {

// NativeBinding.createWordPiece, encodeWordPiece, embedWordPiece and bagMeans, see src/native/binding.ts. All
// but the first have their results' arrays as last arguments. Each returns a promise.
Napi::Value create_word_piece(const Napi::CallbackInfo& info);
Napi::Value encode_word_piece(const Napi::CallbackInfo& info);
Napi::Value embed_word_piece(const Napi::CallbackInfo& info);
Napi::Value bag_means(const Napi::CallbackInfo& info);

// NativeBinding.preferLargePages.
Napi::Value prefer_large_pages(const Napi::CallbackInfo& info);

}  // namespace embedlane
