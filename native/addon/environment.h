#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "../search/topk.h"
#include "../threads/thread_pool.h"

namespace embedlane {

class AsyncSearch;

// Where pool threads leave finished searches for their environment, and the bell that wakes it up. Shared, so
// that a late thread never finds it gone.
struct Mailbox {
  std::mutex mutex;
  std::vector<AsyncSearch*> finished;
  napi_threadsafe_function bell = nullptr;
};

// A search that pool threads work on while JavaScript goes on. Created and settled on its environment's
// thread; between, pool threads call run().
class AsyncSearch {
 public:
  // Copies the queries if `copy`. `indices` and `scores` are where the results go.
  AsyncSearch(const SearchInput& input, bool copy, uint32_t* indices, float* scores);

  // One pool thread's part. The last thread fills in the results, puts the search into the mailbox and rings.
  void run(Mailbox& mailbox);
  void cancel() { search_.cancel(); }
  // Waits for the pool threads inside run(), and keeps out those that come later.
  void close() { gate_.close(); }

  size_t units() const { return search_.units(); }
  bool cancelled() const { return search_.cancelled(); }
  bool failed() const { return failed_; }  // out of memory

  napi_deferred deferred = nullptr;
  napi_ref result = nullptr;  // { indices, scores }, which nobody else can reach before the search is over
  napi_ref corpus = nullptr;
  napi_ref queries = nullptr;  // unless copied

 private:
  std::vector<float> copied_queries_;
  TopKSearch search_;
  uint32_t* indices_;
  float* scores_;
  Gate gate_;
  std::atomic<bool> failed_ = false;
};

// What one JavaScript context (the main thread or a worker) owns of the addon.
//
// Results return through one thread-safe function per environment: pool threads put finished searches in a
// list and ring it like a bell. It keeps the event loop alive only while searches are under way. When the
// environment ends, a cleanup hook cancels its searches and waits for them, so that no pool thread still
// reads memory that the environment is about to free, or rings a bell that is gone.
class Environment {
 public:
  static void attach(Napi::Env env);
  static Environment& of(Napi::Env env);

  // Starts `search` on up to `threads` pool threads. Throws std::system_error if there are none to be had.
  void start(const std::shared_ptr<AsyncSearch>& search, size_t threads);

 private:
  explicit Environment(Napi::Env env);
  static void deliver(napi_env env, napi_value, void* self, void*);
  static void settle(napi_env env, AsyncSearch& search);
  static void shut_down(void* self);

  napi_env env_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::unordered_map<AsyncSearch*, std::shared_ptr<AsyncSearch>> searches_;  // not settled yet
};

}  // namespace embedlane
