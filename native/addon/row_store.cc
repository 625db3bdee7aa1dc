#include "row_store.h"

#include <cstring>
#include <new>
#include <system_error>

#include "args.h"
#include "storage.h"
#include "store_search.h"

namespace embedlane {
namespace {

// Throws unless every position is a row of the store.
void require_rows(Napi::Env env, const Span<uint32_t>& positions, const RowStore& store) {
  for (size_t i = 0; i < positions.length; i++) {
    if (positions.data[i] >= store.rows()) {
      throw_error(env, "ERR_INVALID_ARG", "Expected positions of rows in the store");
    }
  }
}

// The names of INDEX_DTYPES.
Dtype dtype_argument(const Napi::CallbackInfo& info, size_t index) {
  const std::string name = string(info, index);
  if (name == "f32") return Dtype::kF32;
  if (name == "f16") return Dtype::kF16;
  if (name == "bf16") return Dtype::kBf16;
  if (name == "i8") return Dtype::kI8;
  if (name == "b1") return Dtype::kB1;
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected the dtype of an index but received '" + name + "'");
}

bool coded_argument(const Napi::CallbackInfo& info) {
  const bool coded = boolean(info, 2);
  if (coded && dtype_argument(info, 1) != Dtype::kF32) {
    throw_error(info.Env(), "ERR_INVALID_ARG", "Expected f32 for rows with codes");
  }
  return coded;
}

// The scales of `count` rows, or null if the dtype has none.
float* scales_argument(const Napi::CallbackInfo& info, size_t index, const RowStore& store, size_t count) {
  if (!store.codec().has_scales()) return nullptr;
  const Span<float> scales = floats(info, index);
  if (scales.length != count) throw_error(info.Env(), "ERR_DIMENSION", "Expected a scale for every row");
  return scales.data;
}

template <class Add>
auto adding(Napi::Env env, const Add& add) {
  try {
    return add();
  } catch (const std::bad_alloc&) {
    throw_error(env, "ERR_RUNTIME", "The rows do not fit memory");
  }
}

}  // namespace

Napi::Function RowStoreObject::define(Napi::Env env) {
  return DefineClass(
      env, "RowStore",
      {InstanceAccessor<&RowStoreObject::rows>("rows"), InstanceAccessor<&RowStoreObject::stride>("stride"),
       InstanceAccessor<&RowStoreObject::memory_bytes>("memoryBytes"),
       InstanceAccessor<&RowStoreObject::mapped_bytes>("mappedBytes"),
       InstanceMethod<&RowStoreObject::first_unfit>("firstUnfit"),
       InstanceMethod<&RowStoreObject::append>("append"),
       InstanceMethod<&RowStoreObject::append_stored>("appendStored"),
       InstanceMethod<&RowStoreObject::map>("map"), InstanceMethod<&RowStoreObject::prepare>("prepare"),
       InstanceMethod<&RowStoreObject::gather>("gather"), InstanceMethod<&RowStoreObject::read>("read"),
       InstanceMethod<&RowStoreObject::search>("search"),
       InstanceMethod<&RowStoreObject::search_sync>("searchSync"),
       InstanceMethod<&RowStoreObject::close>("close")});
}

RowStoreObject::RowStoreObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      store_(std::make_unique<RowStore>(RowCodec(dtype_argument(info, 1), integer(info, 0, 1, 0xffffffff)),
                                        coded_argument(info))) {}

void RowStoreObject::Finalize(Napi::BasicEnv env) {
  store_.reset();
  report_memory(env);
}

RowStore& RowStoreObject::store(Napi::Env env) {
  if (!store_) throw_error(env, "ERR_CLOSED", "The rows were given up");
  return *store_;
}

void RowStoreObject::report_memory(Napi::BasicEnv env) {
  const int64_t bytes = store_ ? int64_t(store_->memory_bytes()) : 0;
  int64_t total;
  napi_adjust_external_memory(env, bytes - reported_bytes_, &total);
  reported_bytes_ = bytes;
}

Napi::Value RowStoreObject::rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), double(store(info.Env()).rows()));
}

Napi::Value RowStoreObject::stride(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), double(store(info.Env()).codec().stride()));
}

Napi::Value RowStoreObject::memory_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), double(store(info.Env()).memory_bytes()));
}

Napi::Value RowStoreObject::mapped_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), double(store(info.Env()).mapped_bytes()));
}

Napi::Value RowStoreObject::first_unfit(const Napi::CallbackInfo& info) {
  const RowCodec& codec = store(info.Env()).codec();
  const Span<float> data = floats(info, 0);
  const size_t count = rows_of(info.Env(), data.length, codec.dims());
  return Napi::Number::New(info.Env(), double(codec.first_unfit(data.data, count)));
}

Napi::Value RowStoreObject::append(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RowStore& rows = store(env);
  const Span<float> data = floats(info, 0);
  const size_t count = rows_of(env, data.length, rows.codec().dims());
  const ptrdiff_t refused = adding(env, [&] { return rows.append(data.data, count); });
  report_memory(env);
  return Napi::Number::New(env, double(refused));
}

void RowStoreObject::append_stored(const Napi::CallbackInfo& info) {
  RowStore& rows = store(info.Env());
  const Span<uint8_t> data = bytes(info, 0);
  const size_t count = rows_of(info.Env(), data.length, rows.codec().stride());
  const float* const scales = scales_argument(info, 1, rows, count);
  adding(info.Env(), [&] { rows.append_stored(data.data, scales, count); });
  report_memory(info.Env());
}

Napi::Value RowStoreObject::map(const Napi::CallbackInfo& info) {
  RowStore& rows = store(info.Env());
  const std::string path = string(info, 0);
  const size_t length = integer(info, 1, 1, 0x1p53);
  const size_t offset = integer(info, 2, 0, 0x1p53);
  const size_t count = integer(info, 3, 1, 0xffffffff);
  const float* const scales = scales_argument(info, 4, rows, count);
  try {
    return Napi::Boolean::New(info.Env(), rows.map(path, length, offset, scales, count));
  } catch (const std::system_error& error) {
    throw_io(info.Env(), path, error);
  }
}

Napi::Value RowStoreObject::prepare(const Napi::CallbackInfo& info) {
  RowStore& rows = store(info.Env());
  const size_t count = integer(info, 0, 1, 0xffffffff);
  const bool more = adding(info.Env(), [&] { return rows.prepare(count); });
  report_memory(info.Env());
  return Napi::Boolean::New(info.Env(), more);
}

void RowStoreObject::gather(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const RowStore& rows = store(env);
  const Span<uint32_t> positions = words(info, 0);
  const Span<uint8_t> out = bytes(info, 1);
  require_rows(env, positions, rows);
  if (out.length != product(env, positions.length, rows.codec().stride())) {
    throw_error(env, "ERR_DIMENSION", "Expected room for every row");
  }
  float* const scales = scales_argument(info, 2, rows, positions.length);
  const size_t stride = rows.codec().stride();
  for (size_t i = 0; i < positions.length; i++) {
    float scale;
    std::memcpy(out.data + i * stride, rows.row(positions.data[i], &scale), stride);
    if (scales != nullptr) scales[i] = scale;
  }
}

void RowStoreObject::read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const RowStore& rows = store(env);
  const Span<uint32_t> positions = words(info, 0);
  const Span<float> out = floats(info, 1);
  require_rows(env, positions, rows);
  if (out.length != product(env, positions.length, rows.codec().dims())) {
    throw_error(env, "ERR_DIMENSION", "Expected room for every row");
  }
  const Kernels& kernels = current_kernels();
  for (size_t i = 0; i < positions.length; i++) {
    float scale;
    const uint8_t* row = rows.row(positions.data[i], &scale);
    rows.codec().decode(kernels, row, scale, out.data + i * rows.codec().dims());
  }
}

Napi::Value RowStoreObject::search(const Napi::CallbackInfo& info) {
  return search_store(info, store(info.Env()));
}

Napi::Value RowStoreObject::search_sync(const Napi::CallbackInfo& info) {
  return search_store_sync(info, store(info.Env()));
}

void RowStoreObject::close(const Napi::CallbackInfo& info) {
  store_.reset();
  report_memory(info.Env());
}

}  // namespace embedlane
