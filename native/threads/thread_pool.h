#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>

namespace embedlane {

// The process's threads for native work, beside libuv's: a search must not take the threads that the user's
// file and DNS calls need.
//
// Threads start when the first work arrives and then stay. The pool is never destroyed and its library never
// unloaded: at exit the threads are simply asleep, and no destructor can race with them.
class ThreadPool {
 public:
  static constexpr size_t kMaxThreads = 128;

  static ThreadPool& instance();

  // Queues `copies` runs of `task`, each on its own thread if there are enough. Fewer threads than copies is
  // not an error (tasks share work among themselves); none at all throws std::system_error, and no memory
  // std::bad_alloc. When it throws, nothing was queued.
  void submit(const std::function<void()>& task, size_t copies);

 private:
  ThreadPool() = default;
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::list<std::function<void()>> queue_;
  size_t threads_ = 0;
  size_t idle_ = 0;
};

// Counts the threads inside one piece of work, so that its owner can wait for them and keep out the rest.
class Gate {
 public:
  // False if the gate is closed: the work is over, and its memory may be gone.
  bool enter() {
    std::lock_guard lock(mutex_);
    if (closed_) return false;
    inside_++;
    return true;
  }

  void leave() {
    std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }

  // The last one inside stays and gets false: it has something to finish before it calls leave(). Nobody
  // enters any more.
  bool leave_unless_last() {
    std::lock_guard lock(mutex_);
    if (inside_ == 1) {
      closed_ = true;
      return false;
    }
    inside_--;
    return true;
  }

  // Lets nobody in any more and waits until everybody has left.
  void close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace embedlane
