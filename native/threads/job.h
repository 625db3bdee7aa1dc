#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace embedlane {

// A piece of work that any number of threads may do together.
class Job {
 public:
  virtual ~Job() = default;

  // Units of work: more threads than this find nothing to do.
  virtual size_t units() const = 0;

  // Takes units until none is left or the job is cancelled. Call from as many threads as you like. Throws
  // std::bad_alloc.
  virtual void work() = 0;

  // Completes the result. Call once, after every work() has returned and if not cancelled. Throws
  // std::bad_alloc.
  virtual void finish() {}

  // Makes every work() return soon.
  virtual void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

// Does `job` on the calling thread and up to `threads` - 1 of the pool, and returns when it is finished.
// Throws std::bad_alloc.
void run_job(Job& job, size_t threads);

}  // namespace embedlane
