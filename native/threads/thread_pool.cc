#include "thread_pool.h"

#include <algorithm>
#include <exception>
#include <thread>

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace embedlane {
namespace {

// Node unloads an addon when the last worker that loaded it ends; a thread asleep in its code would wake up
// in unmapped memory.
void pin_library() {
#if defined(_WIN32)
  HMODULE module;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     reinterpret_cast<LPCWSTR>(&pin_library), &module);
#else
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&pin_library), &info) != 0 && info.dli_fname != nullptr) {
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
  }
#endif
}

}  // namespace

ThreadPool& ThreadPool::instance() {
  static ThreadPool* pool = [] {
    pin_library();
    return new ThreadPool;
  }();
  return *pool;
}

void ThreadPool::submit(const std::function<void()>& task, size_t copies) {
  std::list<std::function<void()>> batch(copies, task);
  std::unique_lock lock(mutex_);
  queue_.splice(queue_.end(), batch);
  while (idle_ < queue_.size() && threads_ < kMaxThreads) {
    try {
      std::thread([this] { run(); }).detach();
    } catch (const std::exception&) {  // no thread to be had, or no memory
      if (threads_ > 0) break;
      queue_.clear();  // without threads there was nobody else's work in it
      throw;
    }
    threads_++;
    idle_++;  // counted here, so that the next submit does not start a thread for the same work
  }
  lock.unlock();
  if (copies == 1) {
    wake_.notify_one();
  } else {
    wake_.notify_all();
  }
}

void ThreadPool::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return !queue_.empty(); });
    const std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    idle_--;
    lock.unlock();
    task();
    lock.lock();
    idle_++;
  }
}

}  // namespace embedlane
