#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace embedlane {

// Work of which at most so many pieces are in the pool's hands at a time; the others come after them, in
// order. A thread that has done one goes on with the next, and need not be woken up for it.
class Turns : public std::enable_shared_from_this<Turns> {
 public:
  explicit Turns(size_t most) : most_(most) {}

  // Throws std::system_error if there is no thread to be had, std::bad_alloc; then nothing was queued.
  void submit(std::function<void()> task);

 private:
  void run();

  const size_t most_;
  std::mutex mutex_;
  std::deque<std::function<void()>> waiting_;
  size_t running_ = 0;
};

}  // namespace embedlane
