#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "../search/topk.h"
#include "../threads/thread_pool.h"

namespace embedlane {

// A search that pool threads work on while JavaScript goes on. Created and finished on its environment's
// thread; between, pool threads call run().
class AsyncSearch : public std::enable_shared_from_this<AsyncSearch> {
 public:
  AsyncSearch(const SearchInput& input, std::vector<float> queries);

  void cancel() { search_.cancel(); }
  size_t units() const { return search_.units(); }

  std::vector<uint32_t> indices;
  std::vector<float> scores;
  bool failed = false;  // out of memory

  napi_deferred deferred = nullptr;
  std::vector<napi_ref> kept;  // the typed arrays that are read in place

  bool cancelled() const { return search_.cancelled(); }
  // Body of every pool thread's part; true for the last one, which has then filled in the results.
  bool run();

 private:
  std::vector<float> copied_queries_;
  TopKSearch search_;
  Gate gate_;
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
  // Outlives the environment for as long as a pool thread needs it.
  struct Mailbox {
    std::mutex mutex;
    std::condition_variable quiet;
    std::vector<std::shared_ptr<AsyncSearch>> finished;
    size_t under_way = 0;
    napi_threadsafe_function bell = nullptr;
  };

  explicit Environment(Napi::Env env);
  static void deliver(napi_env env, napi_value, void* self, void*);
  static void settle(napi_env env, AsyncSearch& search);
  static void shut_down(void* self);

  napi_env env_;
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::unordered_set<std::shared_ptr<AsyncSearch>> searches_;
};

}  // namespace embedlane
