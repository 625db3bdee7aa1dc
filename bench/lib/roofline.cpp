// What this machine can do at most: float32 multiply-adds and bytes read from memory, with 1 … N threads.
// Built for the machine at hand (-march=native) and run by roofline.mjs, to stand beside measured kernels.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

// Vector extensions of GCC and Clang: one source for every instruction set.
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));

namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Twelve independent chains: enough to hide the latency of two multiply-add units, few enough for 16 registers.
double MultiplyAdds(long rounds) {
  Vector sum[12] = {};
  Vector a = {}, b = {};
  for (int i = 0; i < kLanes; i++) {
    a[i] = 1.0f + 1e-7f * i;
    b[i] = 1e-9f;
  }
  for (long round = 0; round < rounds; round++) {
    for (int i = 0; i < 12; i++) sum[i] = sum[i] * a + b;
    asm volatile("" : "+x"(a), "+x"(b));  // the loop must not be folded
  }
  double total = 0;
  for (const Vector& vector : sum) total += vector[0];
  return total;
}

double ReadAll(const float* data, size_t count) {
  Vector sum[4] = {};
  for (size_t i = 0; i + 4 * kLanes <= count; i += 4 * kLanes) {
    for (int j = 0; j < 4; j++) sum[j] += *reinterpret_cast<const Vector*>(data + i + j * kLanes);
  }
  return sum[0][0] + sum[1][0] + sum[2][0] + sum[3][0];
}

// Best of several runs of `work(thread)` on `threads` threads, in seconds.
template <typename Work>
double Best(int threads, Work work) {
  double best = 1e9;
  for (int run = 0; run < 7; run++) {
    double start = Now();
    std::vector<std::thread> pool;
    for (int thread = 1; thread < threads; thread++) pool.emplace_back([&, thread] { work(thread); });
    work(0);
    for (std::thread& thread : pool) thread.join();
    double seconds = Now() - start;
    if (seconds < best) best = seconds;
  }
  return best;
}

std::atomic<double> sink{0};

}  // namespace

int main(int argc, char** argv) {
  int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const long rounds = 10'000'000;
  double flops = 2.0 * 12 * kLanes * rounds * threads;
  double compute = flops / Best(threads, [&](int) { sink = MultiplyAdds(rounds); });

  const size_t count = size_t{128} << 20;  // 512 MB: far beyond any cache
  const size_t share = count / threads / 64 * 64;
  float* data = static_cast<float*>(std::aligned_alloc(64, count * sizeof(float)));
  for (size_t i = 0; i < count; i++) data[i] = 1.0f;
  double bytes = double(share) * threads * sizeof(float);
  double read = bytes / Best(threads, [&](int thread) { sink = ReadAll(data + thread * share, share); });
  std::printf("{\"threads\":%d,\"lanes\":%d,\"gflops\":%.1f,\"gbps\":%.1f}\n", threads, kLanes, compute / 1e9, read / 1e9);
  std::free(data);
}
