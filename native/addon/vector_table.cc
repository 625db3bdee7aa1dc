#include "vector_table.h"

#include <string>
#include <system_error>

#include "args.h"
#include "storage.h"

namespace embedlane {
namespace {

constexpr napi_type_tag kTableTag = {0x2b7c1f6d58e34a90, 0x8e61d40b97f2c3a5};

}  // namespace

VectorTable vector_table(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsExternal()) {
    const Span<float> values = floats(info, index);
    return {values.data, values.length, nullptr};
  }
  const auto external = info[index].As<Napi::External<VectorTable>>();
  if (external.CheckTypeTag(&kTableTag)) return *external.Data();
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected a table for argument " + std::to_string(index));
}

Napi::Value map_table(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = string(info, 0);
  constexpr double kMost = double(uint64_t(1) << 52);
  const size_t begin = integer(info, 1, 0, kMost), length = integer(info, 2, 1, kMost / sizeof(float));
  std::shared_ptr<const MappedFile> file;
  try {
    file = std::make_shared<const MappedFile>(path);
  } catch (const std::system_error& error) {
    throw_io(env, path, error);
  }
  if (begin % sizeof(float) != 0 || begin > file->size() || length > (file->size() - begin) / sizeof(float)) {
    throw_error(env, "ERR_DIMENSION", "Expected aligned values within the file");
  }
  const float* data = reinterpret_cast<const float*>(file->data() + begin);
  const auto external = Napi::External<VectorTable>::New(env, new VectorTable{data, length, file},
                                                         [](Napi::Env, VectorTable* table) { delete table; });
  external.TypeTag(&kTableTag);
  return external;
}

}  // namespace embedlane
