#include "search.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "../kernels/dispatch.h"
#include "../search/roofline.h"
#include "../search/topk.h"
#include "args.h"
#include "environment.h"
#include "task.h"

namespace embedlane {
namespace {

// Queries up to this size are copied, which takes about a millisecond; larger ones are read in place.
constexpr size_t kMaxCopiedFloats = size_t(1) << 20;

struct TopKArguments {
  SearchInput input;
  size_t threads;
  uint32_t* indices;
  float* scores;
};

// Row-major results, k per query.
void copy_results(const TopKSearch& search, const TopKArguments& args) {
  for (size_t q = 0; q < args.input.query_count; q++) {
    search.copy(q, args.indices + q * args.input.k, args.scores + q * args.input.k);
  }
}

class AsyncSearch : public AsyncJob {
 public:
  // Copies the queries if `copy`. The results go to args.indices and args.scores, which nobody else can reach
  // before the search is over.
  AsyncSearch(const TopKArguments& args, bool copy)
      : args_(args), copied_queries_(copy ? bytes_of(args.input) : 0), search_(input(), current_level()) {}

  void cancel() override { search_.cancel(); }
  bool cancelled() const override { return search_.cancelled(); }
  size_t units() const { return search_.units(); }

 protected:
  void work() override { search_.work(); }
  void finish() override {
    search_.finish();
    copy_results(search_, args_);
  }

 private:
  static size_t bytes_of(const SearchInput& input) {
    return input.query_count * row_bytes(input.dtype, input.dims);
  }

  const SearchInput& input() {
    if (!copied_queries_.empty()) {
      std::memcpy(copied_queries_.data(), args_.input.queries, copied_queries_.size());
      args_.input.queries = copied_queries_.data();
    }
    return args_.input;
  }

  TopKArguments args_;
  std::vector<char> copied_queries_;
  TopKSearch search_;
};

// The caller allocates the results, because Node-API's own allocation ends the process when memory is short.
constexpr size_t kIndices = 7;
constexpr size_t kScores = 8;

Napi::Object result_of(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result["indices"] = info[kIndices];
  result["scores"] = info[kScores];
  return result;
}

TopKArguments top_k_arguments(const Napi::CallbackInfo& info) {
  const auto dtype = Dtype(integer(info, 6, 0, kDtypeCount - 1));
  const Elements queries = elements(info, 0, dtype);
  const Elements corpus = elements(info, 1, dtype);
  const size_t dims = integer(info, 2, 1, 0xffffffff);
  const size_t k = integer(info, 3, 1, 0xffffffff);
  const Metric kind = metric(info, 4);
  const size_t threads = integer(info, 5, 1, 0xffffffff);
  const size_t query_count = rows_of(info.Env(), queries.bytes, row_bytes(dtype, dims));
  const size_t corpus_count = rows_of(info.Env(), corpus.bytes, row_bytes(dtype, dims));
  if (query_count == 0 || corpus_count == 0 || k > corpus_count || corpus_count > 0xffffffff ||
      (kind == Metric::kL1 && dtype != Dtype::kB1) || kind == Metric::kJaccard) {
    throw_error(info.Env(), "ERR_INVALID_ARG", "Expected at least one query, k rows and a search metric");
  }
  const Span<uint32_t> indices = words(info, kIndices);
  const Span<float> scores = floats(info, kScores);
  if (indices.length != product(info.Env(), query_count, k) || scores.length != indices.length) {
    throw_error(info.Env(), "ERR_DIMENSION", "Expected room for k results per query");
  }
  SearchInput input;
  input.dtype = dtype;
  input.metric = kind;
  input.dims = dims;
  input.queries = queries.data;
  input.query_count = query_count;
  input.blocks = {{corpus.data, row_bytes(dtype, dims), corpus_count}};
  input.k = k;
  return {input, std::min(threads, ThreadPool::kMaxThreads), indices.data, scores.data};
}

[[noreturn]] void throw_resources(Napi::Env env, const std::exception& error) {
  throw_error(env, "ERR_RUNTIME", std::string("A search could not start: ") + error.what());
}

}  // namespace

namespace {

// As NativeBinding.measureLimits says.
constexpr size_t kLimits = 5;

class LimitsJob : public AsyncJob {
 public:
  LimitsJob(size_t threads, const Span<double>& limits) : threads_(threads), limits_(limits) {}

 protected:
  // Its threads are its own: pool threads may be busy, and all have to run at the same time.
  void work() override {
    try {
      const Roofline measured = measure_roofline(current_level(), threads_);
      const double values[kLimits] = {measured.f32, measured.bf16, measured.i8, measured.b1,
                                      measured.bytes_per_second};
      std::copy_n(values, kLimits, limits_.data);
    } catch (const std::system_error&) {
      throw std::bad_alloc();  // no more threads: a matter of memory too
    }
  }

 private:
  size_t threads_;
  Span<double> limits_;
};

}  // namespace

Napi::Value measure_limits(const Napi::CallbackInfo& info) {
  const size_t threads = integer(info, 0, 1, ThreadPool::kMaxThreads);
  const Span<double> limits = doubles(info, 1);
  if (limits.length != kLimits) throw_error(info.Env(), "ERR_DIMENSION", "Expected room for all limits");
  const auto job = std::make_shared<LimitsJob>(threads, limits);
  job->keep(info.Env(), info[1]);
  return start_task(info.Env(), job, 1);
}

Napi::Value top_k_sync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TopKArguments args = top_k_arguments(info);
  try {
    TopKSearch search(args.input, current_level());
    run_job(search, args.threads);
    copy_results(search, args);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw_resources(env, error);
  }
  return result_of(info);
}

Napi::Value top_k(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TopKArguments args = top_k_arguments(info);
  require_fixed_length(info, 0);
  require_fixed_length(info, 1);
  try {
    const bool copy = args.input.query_count * args.input.dims <= kMaxCopiedFloats;
    const auto search = std::make_shared<AsyncSearch>(args, copy);
    search->result = reference_to(env, result_of(info));
    search->keep(env, info[1]);
    if (!copy) search->keep(env, info[0]);
    return start_task(env, search, std::min(args.threads, search->units()));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw_resources(env, error);
  }
}

}  // namespace embedlane
