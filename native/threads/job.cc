#include "job.h"

#include <algorithm>
#include <new>

#include "thread_pool.h"

namespace embedlane {

void run_job(Job& job, size_t threads) {
  const auto gate = std::make_shared<Gate>();
  std::atomic<bool> failed = false;
  const auto work = [&job, &failed] {
    try {
      job.work();
    } catch (const std::bad_alloc&) {
      failed = true;
      job.cancel();
    }
  };
  if (const size_t useful = std::min(threads, job.units()); useful > 1) {
    // A helper that starts late finds the gate closed and touches nothing of this frame.
    const auto help = [gate, &work] {
      if (!gate->enter()) return;
      work();
      gate->leave();
    };
    try {
      ThreadPool::instance().submit(help, useful - 1);
    } catch (const std::exception&) {
      // This thread can do it alone.
    }
  }
  work();
  gate->close();
  if (failed) throw std::bad_alloc();
  if (!job.cancelled()) job.finish();
}

}  // namespace embedlane
