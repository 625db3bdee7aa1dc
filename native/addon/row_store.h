#pragma once

#include <napi.h>

#include <memory>

#include "../index/row_store.h"

namespace embedlane {

// The class behind NativeBinding.createRowStore, see src/native/row-store.ts.
class RowStoreObject : public Napi::ObjectWrap<RowStoreObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit RowStoreObject(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

 private:
  // Throws if it was closed.
  RowStore& store(Napi::Env env);
  Napi::Value rows(const Napi::CallbackInfo& info);
  Napi::Value stride(const Napi::CallbackInfo& info);
  Napi::Value memory_bytes(const Napi::CallbackInfo& info);
  Napi::Value mapped_bytes(const Napi::CallbackInfo& info);
  Napi::Value first_unfit(const Napi::CallbackInfo& info);
  Napi::Value append(const Napi::CallbackInfo& info);
  Napi::Value stage(const Napi::CallbackInfo& info);
  void append_stored(const Napi::CallbackInfo& info);
  Napi::Value prepare(const Napi::CallbackInfo& info);
  Napi::Value map(const Napi::CallbackInfo& info);
  void gather(const Napi::CallbackInfo& info);
  void gather_codes(const Napi::CallbackInfo& info);
  void read(const Napi::CallbackInfo& info);
  Napi::Value search(const Napi::CallbackInfo& info);
  Napi::Value search_sync(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  // Tells the garbage collector how much memory this small object stands for.
  void report_memory(Napi::BasicEnv env);

  std::unique_ptr<RowStore> store_;
  int64_t reported_bytes_ = 0;
};

}  // namespace embedlane
