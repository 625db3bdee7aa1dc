#include "task.h"

#include <exception>

#include "args.h"

namespace embedlane {

Napi::Object start_task(Napi::Env env, const std::shared_ptr<AsyncJob>& job, size_t threads) {
  Napi::Object task = Napi::Object::New(env);
  try {
    task["promise"] = Napi::Value(env, Environment::of(env).start(job, threads));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw_error(env, "ERR_RUNTIME", std::string("Native work could not start: ") + error.what());
  }
  task["cancel"] = Napi::Function::New(env, [weak = std::weak_ptr(job)](const Napi::CallbackInfo&) {
    if (const auto running = weak.lock()) running->cancel();
  });
  return task;
}

}  // namespace embedlane
