#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "../threads/thread_pool.h"
#include "../threads/turns.h"

namespace embedlane {

class AsyncJob;

// Where pool threads leave finished jobs for their environment, and the bell that wakes it up. Shared, so
// that a late thread never finds it gone.
struct Mailbox {
  std::mutex mutex;
  std::vector<AsyncJob*> finished;
  napi_threadsafe_function bell = nullptr;
};

// Work that pool threads do while JavaScript goes on. Created and settled on its environment's thread;
// between, pool threads call run().
class AsyncJob {
 public:
  virtual ~AsyncJob() = default;

  // One pool thread's part. The last thread finishes the job, puts it into the mailbox and rings.
  void run(Mailbox& mailbox);
  // Makes work() return soon; the promise then rejects with ERR_ABORTED.
  virtual void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  virtual bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // Waits for the pool threads inside run(), and keeps out those that come later.
  void close() { gate_.close(); }
  bool failed() const { return failed_; }  // out of memory
  // Lets go of what it works on, when no thread does any more and nobody will ask for its results: JavaScript
  // may keep the job until its garbage is collected.
  virtual void release() {}

  // Keeps `value` alive until the job is settled.
  void keep(Napi::Env env, napi_value value);

  napi_deferred deferred = nullptr;
  napi_ref result = nullptr;  // what the promise resolves to; undefined if null
  std::vector<napi_ref> kept;

 protected:
  // Called by every thread that takes part. May throw std::bad_alloc.
  virtual void work() = 0;
  // Called once, after every work() has returned and if not cancelled. May throw std::bad_alloc.
  virtual void finish() {}

 private:
  // Calls work() or finish(), unless the job is cancelled.
  void take_part(void (AsyncJob::*part)());

  Gate gate_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> failed_ = false;
};

// A reference to `value` that keeps it alive until it is deleted.
napi_ref reference_to(Napi::Env env, napi_value value);

// What one JavaScript context (the main thread or a worker) owns of the addon.
//
// Results return through one thread-safe function per environment: pool threads put finished jobs in a list
// and ring it like a bell. It keeps the event loop alive only while jobs are under way. When the environment
// ends, a cleanup hook cancels its jobs and waits for them, so that no pool thread still reads memory that
// the environment is about to free, or rings a bell that is gone.
class Environment {
 public:
  static void attach(Napi::Env env);
  static Environment& of(Napi::Env env);

  // Starts `job` on up to `threads` pool threads and returns the promise of its result. Throws
  // std::system_error if there are none to be had, std::bad_alloc.
  napi_value start(const std::shared_ptr<AsyncJob>& job, size_t threads);
  // Starts `job` on one thread when it has its turn; else the same.
  napi_value start(const std::shared_ptr<AsyncJob>& job, Turns& turns);

  // Whether an ArrayBuffer can change its length. Runs nobody's JavaScript but the engine's, whatever
  // properties the buffer has been given.
  bool is_resizable(const Napi::ArrayBuffer& buffer) const;

 private:
  template <class Submit>
  napi_value start_by(const std::shared_ptr<AsyncJob>& job, const Submit& submit);
  explicit Environment(Napi::Env env);
  static void deliver(napi_env env, napi_value, void* self, void*);
  static void settle(napi_env env, AsyncJob& job);
  static void shut_down(void* self);

  napi_env env_;
  Napi::FunctionReference resizable_;  // empty: the engine has no resizable buffers
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::unordered_map<AsyncJob*, std::shared_ptr<AsyncJob>> jobs_;  // not settled yet
};

}  // namespace embedlane
