#include "roofline.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "../storage/large_pages.h"

namespace embedlane {
namespace {

constexpr int kRuns = 7;
constexpr size_t kRounds = 2'000'000;
// Far beyond any cache.
constexpr size_t kBytes = size_t(256) << 20;

// Where results go, so that no compiler leaves the work out.
std::atomic<float> sink;

// Threads that are waited for, whatever happens.
class Threads {
 public:
  ~Threads() {
    for (std::thread& thread : threads_) thread.join();
  }
  template <class Work>
  void start(Work work) {
    threads_.emplace_back(work);
  }

 private:
  std::vector<std::thread> threads_;
};

// Seconds of the best of several runs of `work(thread)` on all threads.
template <class Work>
double best_of(size_t threads, Work work) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9;
  for (int run = 0; run < kRuns; run++) {
    const auto start = Clock::now();
    {
      Threads others;
      for (size_t thread = 1; thread < threads; thread++) others.start([&work, thread] { work(thread); });
      work(0);
    }
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

// Operations a second.
double speed_of(const Work& work, size_t threads, const char* zeros) {
  if (!work.run) return 0;
  const double seconds = best_of(threads, [&](size_t) { sink = work.run(kRounds, zeros); });
  return double(kRounds) * double(work.operations) * double(threads) / seconds;
}

}  // namespace

Roofline measure_roofline(Level level, size_t threads) {
  const Tiles& tiles = tiles_of(level);
  const std::shared_ptr<uint8_t> memory = large_memory(kBytes);
  const char* const zeros = reinterpret_cast<const char*>(memory.get());
  std::memset(memory.get(), 0, kBytes);
  const size_t share = kBytes / threads / 4096 * 4096;
  const double read =
      best_of(threads, [&](size_t thread) { sink = tiles.read(zeros + thread * share, share); });
  return {speed_of(tiles.f32.work, threads, zeros), speed_of(tiles.bf16.work, threads, zeros),
          speed_of(tiles.i8.work, threads, zeros), speed_of(tiles.bit_work, threads, zeros),
          double(share * threads) / read};
}

}  // namespace embedlane
