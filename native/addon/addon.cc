#include <napi.h>

#include "../kernels/dispatch.h"
#include "analytics.h"
#include "args.h"
#include "audio.h"
#include "environment.h"
#include "image.h"
#include "lifetime.h"
#include "pairs.h"
#include "quantization.h"
#include "row_store.h"
#include "search.h"
#include "static.h"
#include "storage.h"
#include "vector_table.h"
#include "vectors.h"

namespace embedlane {
namespace {

Napi::Value simd_level(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), level_name(current_level()));
}

Napi::Value simd_levels(const Napi::CallbackInfo& info) {
  Napi::Array levels = Napi::Array::New(info.Env());
  for (size_t i = 0; i < kLevelCount; i++) {
    if (level_available(Level(i))) {
      levels.Set(levels.Length(), Napi::String::New(info.Env(), level_name(Level(i))));
    }
  }
  return levels;
}

void set_simd_level(const Napi::CallbackInfo& info) {
  const std::string name = string(info, 0);
  for (size_t i = 0; i < kLevelCount; i++) {
    if (name == level_name(Level(i)) && set_level(Level(i))) return;
  }
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected an available SIMD level but received '" + name + "'");
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  Environment::attach(env);
  exports["simdLevel"] = Napi::Function::New<simd_level>(env);
  exports["simdLevels"] = Napi::Function::New<simd_levels>(env);
  exports["setSimdLevel"] = Napi::Function::New<set_simd_level>(env);
  define_pairs(env, exports);
  exports["matrix"] = Napi::Function::New<matrix>(env);
  exports["normalizeRows"] = Napi::Function::New<normalize_rows>(env);
  exports["pool"] = Napi::Function::New<pool>(env);
  exports["toHalf"] = Napi::Function::New<to_half>(env);
  exports["fromHalf"] = Napi::Function::New<from_half>(env);
  exports["findRanges"] = Napi::Function::New<find_ranges>(env);
  exports["quantizeRanges"] = Napi::Function::New<quantize_ranges>(env);
  exports["dequantizeRanges"] = Napi::Function::New<dequantize_ranges>(env);
  exports["quantizeScaled"] = Napi::Function::New<quantize_scaled>(env);
  exports["dequantizeScaled"] = Napi::Function::New<dequantize_scaled>(env);
  exports["packBits"] = Napi::Function::New<pack_bits>(env);
  exports["unpackBits"] = Napi::Function::New<unpack_bits>(env);
  exports["createWordPiece"] = Napi::Function::New<create_word_piece>(env);
  exports["encodeWordPiece"] = Napi::Function::New<encode_word_piece>(env);
  exports["embedWordPiece"] = Napi::Function::New<embed_word_piece>(env);
  exports["mapTable"] = Napi::Function::New<map_table>(env);
  exports["preferLargePages"] = Napi::Function::New<prefer_large_pages>(env);
  exports["bagMeans"] = Napi::Function::New<bag_means>(env);
  exports["topKSync"] = Napi::Function::New<top_k_sync>(env);
  exports["measureLimits"] = Napi::Function::New<measure_limits>(env);
  exports["topK"] = Napi::Function::New<top_k>(env);
  exports["resizeImage"] = Napi::Function::New<resize_image>(env);
  exports["resizeImageToPlanes"] = Napi::Function::New<resize_image_to_planes>(env);
  exports["groupSums"] = Napi::Function::New<group_sums>(env);
  exports["scatterMatrix"] = Napi::Function::New<scatter_matrix>(env);
  exports["symmetricEigen"] = Napi::Function::New<symmetric_eigen>(env);
  exports["crc32c"] = Napi::Function::New<crc32c_of>(env);
  exports["endWithParent"] = Napi::Function::New<end_with_parent>(env);
  exports["lockFile"] = Napi::Function::New<lock_file>(env);
  exports["RowStore"] = RowStoreObject::define(env);
  exports["logMel"] = Napi::Function::New<log_mel>(env);
  exports["resample"] = Napi::Function::New<resample>(env);
  return exports;
}

}  // namespace
}  // namespace embedlane

Napi::Object InitEmbedlane(Napi::Env env, Napi::Object exports) {
  return embedlane::initialize(env, exports);
}

NODE_API_MODULE(embedlane, InitEmbedlane)
