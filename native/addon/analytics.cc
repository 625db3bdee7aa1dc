#include "analytics.h"

#include <algorithm>
#include <memory>

#include "../analytics/covariance.h"
#include "../analytics/group_sums.h"
#include "../kernels/dispatch.h"
#include "args.h"
#include "task.h"

namespace embedlane {
namespace {

// Work of native/analytics as a job.
template <class Work>
class AnalyticsJob : public AsyncJob {
 public:
  template <class... Args>
  explicit AnalyticsJob(Args... args) : work_(current_kernels(), args...) {}
  size_t units() const { return work_.units(); }
  void cancel() override { stop_ = true; }
  bool cancelled() const override { return stop_; }

 protected:
  void work() override { work_.work(stop_); }
  void finish() override { work_.finish(); }

 private:
  std::atomic<bool> stop_ = false;
  Work work_;
};

// Starts a job that reads and writes the typed arrays among the arguments in place.
template <class Job>
Napi::Value start(const Napi::CallbackInfo& info, const std::shared_ptr<Job>& job, size_t threads) {
  for (size_t i = 0; i < info.Length(); i++) {
    if (!info[i].IsTypedArray()) continue;
    require_fixed_length(info, i);
    job->keep(info.Env(), info[i]);
  }
  return start_task(info.Env(), job, std::min({threads, job->units(), ThreadPool::kMaxThreads}));
}

}  // namespace

Napi::Value group_sums(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<float> data = floats(info, 0);
  const size_t dims = integer(info, 1, 1, 0xffffffff);
  const Span<uint32_t> groups = words(info, 2);
  const size_t group_count = integer(info, 3, 1, 0xffffffff);
  const size_t threads = integer(info, 4, 1, 0xffffffff);
  const Span<double> sums = doubles(info, 5);
  const size_t rows = rows_of(env, data.length, dims);
  if (groups.length != rows || sums.length != product(env, group_count, dims)) {
    throw_error(env, "ERR_DIMENSION", "Expected a group per row and a sum per group and column");
  }
  if (std::any_of(groups.data, groups.data + rows, [&](uint32_t group) { return group >= group_count; })) {
    throw_error(env, "ERR_INVALID_ARG", "Expected groups below the number of groups");
  }
  const auto job = std::make_shared<AnalyticsJob<GroupSums>>(
      data.data, rows, dims, static_cast<const uint32_t*>(groups.data), sums.data);
  return start(info, job, threads);
}

Napi::Value scatter_matrix(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<float> data = floats(info, 0);
  const size_t dims = integer(info, 1, 1, 0xffffffff);
  const Span<double> mean = doubles(info, 2);
  const size_t threads = integer(info, 3, 1, 0xffffffff);
  const Span<double> scatter = doubles(info, 4);
  const size_t rows = rows_of(env, data.length, dims);
  if (rows == 0 || mean.length != dims || scatter.length != product(env, dims, dims)) {
    throw_error(env, "ERR_DIMENSION", "Expected rows, a mean per column and room for a square matrix");
  }
  const auto job = std::make_shared<AnalyticsJob<Covariance>>(
      data.data, rows, dims, static_cast<const double*>(mean.data), scatter.data);
  return start(info, job, threads);
}

}  // namespace embedlane
