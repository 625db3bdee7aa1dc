#include "roofline.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "aligned.h"

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

}  // namespace

Roofline measure_roofline(Level level, size_t threads) {
  const Tiles& tiles = tiles_of(level);
  const double operations = double(kRounds) * double(tiles.round_operations) * double(threads);
  const double compute = best_of(threads, [&](size_t) { sink = tiles.multiply_adds(kRounds); });
  const Aligned<char> memory = aligned<char>(kBytes);
  std::memset(memory.get(), 0, kBytes);
  const size_t share = kBytes / threads / 4096 * 4096;
  const double read =
      best_of(threads, [&](size_t thread) { sink = tiles.read(memory.get() + thread * share, share); });
  return {operations / compute, double(share * threads) / read};
}

}  // namespace embedlane
