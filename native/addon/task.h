#pragma once

#include <napi.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "args.h"
#include "environment.h"

namespace embedlane {

// Starts `job` on up to `threads` pool threads and returns what JavaScript gets of it: { promise, cancel }.
// Throws a Napi::Error, ERR_RUNTIME, if there are no threads to be had.
Napi::Object start_task(Napi::Env env, const std::shared_ptr<AsyncJob>& job, size_t threads);

// A job made of a class with work(cancelled), finish() and units().
template <class Work>
class WorkJob : public AsyncJob {
 public:
  template <class... Args>
  explicit WorkJob(const Args&... args) : work_(args...) {}
  size_t units() const { return work_.units(); }
  void cancel() override { stop_ = true; }
  bool cancelled() const override { return stop_; }

 protected:
  void work() override { work_.work(stop_); }
  void finish() override { work_.finish(); }

 private:
  std::atomic<bool> stop_ = false;
  Work work_;
};

// Starts `Work(args...)`, which reads and writes the typed arrays among the call's arguments in place.
template <class Work, class... Args>
Napi::Value start_work(const Napi::CallbackInfo& info, size_t threads, const Args&... args) {
  const auto job = std::make_shared<WorkJob<Work>>(args...);
  for (size_t i = 0; i < info.Length(); i++) {
    if (!info[i].IsTypedArray()) continue;
    require_fixed_length(info, i);
    job->keep(info.Env(), info[i]);
  }
  const size_t useful = std::max<size_t>(1, std::min(job->units(), ThreadPool::kMaxThreads));
  return start_task(info.Env(), job, std::min(threads, useful));
}

}  // namespace embedlane
