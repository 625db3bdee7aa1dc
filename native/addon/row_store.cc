#include "row_store.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "args.h"
#include "storage.h"
#include "store_search.h"
#include "task.h"

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

// The names of Accelerate, or null.
Acceleration acceleration_argument(const Napi::CallbackInfo& info) {
  if (info[2].IsNull()) return Acceleration::kNone;
  const std::string name = string(info, 2);
  if (dtype_argument(info, 1) == Dtype::kF32) {
    if (name == "int8") return Acceleration::kInt8;
    if (name == "binary") return Acceleration::kSigns;
  }
  throw_error(info.Env(), "ERR_INVALID_ARG",
              "Expected f32 and int8 or binary codes but received '" + name + "'");
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
       InstanceMethod<&RowStoreObject::append>("append"), InstanceMethod<&RowStoreObject::stage>("stage"),
       InstanceMethod<&RowStoreObject::append_stored>("appendStored"),
       InstanceMethod<&RowStoreObject::map>("map"), InstanceMethod<&RowStoreObject::prepare>("prepare"),
       InstanceMethod<&RowStoreObject::gather>("gather"),
       InstanceMethod<&RowStoreObject::gather_codes>("gatherCodes"),
       InstanceMethod<&RowStoreObject::read>("read"), InstanceMethod<&RowStoreObject::search>("search"),
       InstanceMethod<&RowStoreObject::search_sync>("searchSync"),
       InstanceMethod<&RowStoreObject::close>("close")});
}

RowStoreObject::RowStoreObject(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      store_(std::make_unique<RowStore>(RowCodec(dtype_argument(info, 1), integer(info, 0, 1, 0xffffffff)),
                                        acceleration_argument(info))) {}

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

namespace {

class FillJob : public AsyncJob {
 public:
  FillJob(const RowStore& store, const float* data, size_t count)
      : segment_(store.stage(count)),
        count_(count),
        fill_(store.codec(), store.acceleration(), {{segment_, 0, count}}, data) {}

  void cancel() override { fill_.cancel(); }
  bool cancelled() const override { return fill_.cancelled(); }
  size_t units() const { return fill_.units(); }
  ptrdiff_t unfit() const { return fill_.unfit(); }
  bool finished() const { return finished_; }
  const Segment& segment() const { return segment_; }
  size_t count() const { return count_; }
  // Whether this is the first call.
  bool take() { return !std::exchange(taken_, true); }
  void release() override {
    segment_ = {};
    fill_.release();
  }

 protected:
  void work() override { fill_.work(); }
  void finish() override { finished_ = true; }

 private:
  Segment segment_;
  size_t count_;
  RowFill fill_;
  std::atomic<bool> finished_ = false;
  bool taken_ = false;
};

}  // namespace

Napi::Value RowStoreObject::stage(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const RowStore& rows = store(env);
  const Span<float> data = floats(info, 0);
  const size_t count = rows_of(env, data.length, rows.codec().dims());
  if (count == 0) throw_error(env, "ERR_INVALID_ARG", "Expected a row");
  require_fixed_length(info, 0);
  const auto job = adding(env, [&] { return std::make_shared<FillJob>(rows, data.data, count); });
  job->keep(env, info[0]);
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  Napi::Object task = start_task(env, job, std::min({threads, job->units(), ThreadPool::kMaxThreads}));
  // Both are given up with the function: the store, which it must not outlive, and the rows unless they were
  // adopted.
  const auto owner =
      std::make_shared<Napi::ObjectReference>(Napi::Persistent(info.This().As<Napi::Object>()));
  task["adopt"] = Napi::Function::New(env, [this, owner, job](const Napi::CallbackInfo& call) {
    if (!job->finished()) throw_error(call.Env(), "ERR_INVALID_ARG", "Expected rows that have been written");
    if (job->unfit() < 0) {
      RowStore& rows = store(call.Env());
      if (!job->take())
        throw_error(call.Env(), "ERR_INVALID_ARG", "Expected rows that are not the store's yet");
      adding(call.Env(), [&] { rows.adopt(job->segment(), job->count()); });
      job->release();
      report_memory(call.Env());
    }
    return Napi::Number::New(call.Env(), double(job->unfit()));
  });
  task["discard"] = Napi::Function::New(env, [job](const Napi::CallbackInfo&) {
    if (job->finished() && job->take()) job->release();
  });
  return task;
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
  const size_t codes = integer(info, 3, 0, 0x1p53);
  const size_t count = integer(info, 4, 1, 0xffffffff);
  const float* const scales = scales_argument(info, 5, rows, count);
  try {
    return Napi::Boolean::New(info.Env(), rows.map(path, length, offset, codes, scales, count));
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

void RowStoreObject::gather_codes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const RowStore& rows = store(env);
  const Span<uint32_t> positions = words(info, 0);
  const Span<uint8_t> out = bytes(info, 1);
  const Span<float> floats_out = floats(info, 2);
  const size_t stride = code_stride(rows.acceleration(), rows.codec().dims());
  const size_t count = rows.acceleration() == Acceleration::kInt8 ? positions.length : 0;
  require_rows(env, positions, rows);
  if (out.length != product(env, positions.length, stride) || floats_out.length != kCodeFloats * count) {
    throw_error(env, "ERR_DIMENSION", "Expected room for the codes of every row");
  }
  for (size_t i = 0; i < positions.length; i++) {
    float values[kCodeFloats] = {};
    const uint8_t* const codes = rows.codes(positions.data[i], values);
    if (codes == nullptr) throw_error(env, "ERR_INVALID_ARG", "Expected rows that have codes");
    std::memcpy(out.data + i * stride, codes, stride);
    for (size_t j = 0; count > 0 && j < kCodeFloats; j++) floats_out.data[j * count + i] = values[j];
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
