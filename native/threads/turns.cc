#include "turns.h"

#include <exception>
#include <thread>
#include <utility>

#include "thread_pool.h"

namespace embedlane {

void Turns::submit(std::function<void()> task) {
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(task));
  if (running_ == most_) return;
  try {
    ThreadPool::instance().submit([self = shared_from_this()] { self->run(); }, 1);
    running_++;
  } catch (const std::exception&) {  // no threads to be had, or no memory
    if (running_ > 0) return;
    waiting_.pop_back();
    throw;
  }
}

void Turns::run() {
  std::unique_lock lock(mutex_);
  while (!waiting_.empty()) {
    const std::function<void()> task = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    task();
    // Where threads that wait for events have no core of their own, they need not wait for the end of a time
    // slice.
    std::this_thread::yield();
    lock.lock();
  }
  running_--;
}

}  // namespace embedlane
