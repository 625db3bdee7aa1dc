#include "storage.h"

#include <memory>
#include <system_error>

#include "../storage/crc32c.h"
#include "../storage/file_lock.h"
#include "args.h"

namespace embedlane {

void throw_io(Napi::Env env, const std::string& path, const std::exception& error) {
  throw_error(env, "ERR_IO", "Expected a usable file at " + path + " but received " + error.what());
}

Napi::Value crc32c_of(const Napi::CallbackInfo& info) {
  const Span<uint8_t> data = bytes(info, 0);
  const uint32_t previous = uint32_t(integer(info, 1, 0, 0xffffffff));
  return Napi::Number::New(info.Env(), crc32c(data.data, data.length, previous));
}

Napi::Value lock_file(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = string(info, 0);
  std::shared_ptr<FileLock> lock;
  try {
    lock = std::make_shared<FileLock>(path);
  } catch (const std::system_error& error) {
    throw_io(env, path, error);
  }
  if (!lock->held()) return env.Null();
  // A worker that is terminated releases it with the function, when its environment ends.
  return Napi::Function::New(env, [lock](const Napi::CallbackInfo&) mutable { lock.reset(); });
}

}  // namespace embedlane
