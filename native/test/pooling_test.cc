#include "../pooling/pooling.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <thread>

#include "../threads/thread_pool.h"
#include "runner.h"

namespace embedlane::test {
namespace {

TEST(pool_runs_every_copy_and_gates_close) {
  std::atomic<int> runs = 0;
  for (int round = 0; round < 200; round++) {
    const auto gate = std::make_shared<Gate>();
    std::atomic<int> inside = 0;
    ThreadPool::instance().submit(
        [gate, &inside, &runs] {
          runs++;
          if (!gate->enter()) return;
          inside++;
          gate->leave();
        },
        4);
    gate->close();
    const int entered = inside;
    CHECK(entered >= 0 && entered <= 4);
  }
  while (runs < 800) std::this_thread::yield();
}

TEST(pooling_is_the_same_on_every_level) {
  Random random(13);
  for (const size_t dims : {1, 3, 16, 17, 100, 384}) {
    const size_t batch = 5, sequence = 11;
    const std::vector<float> hidden = random.vector(batch * sequence * dims);
    std::vector<uint8_t> mask(batch * sequence);
    for (uint8_t& value : mask) value = random.below(3) != 0;
    std::fill_n(mask.begin(), sequence, uint8_t(0));
    const std::vector<uint32_t> exclude = {0, 1, 2, 3, 100};
    for (unsigned modes = 1; modes < 64; modes++) {
      size_t parts = 0;
      for (unsigned m = modes; m != 0; m &= m - 1) parts++;
      std::vector<float> wanted(batch * dims * parts), out(wanted.size());
      const PoolInput input = {hidden.data(), mask.data(), exclude.data(), batch,
                               sequence,      dims,        modes,          modes % 2 == 0};
      pool(scalar_kernels(), input, wanted.data());
      for (const Level level : levels()) {
        pool(kernels_of(level), input, out.data());
        for (size_t i = 0; i < out.size(); i++) {
          CHECK(std::memcmp(&out[i], &wanted[i], 4) == 0 || (std::isnan(out[i]) && std::isnan(wanted[i])));
        }
      }
    }
  }
}

}  // namespace
}  // namespace embedlane::test
