#include "search.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "../kernels/dispatch.h"
#include "../search/topk.h"
#include "args.h"
#include "environment.h"

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

SearchInput with_queries(SearchInput input, const float* queries) {
  input.queries = queries;
  return input;
}

class AsyncSearch : public AsyncJob {
 public:
  // Copies the queries if `copy`. The results go to args.indices and args.scores, which nobody else can reach
  // before the search is over.
  AsyncSearch(const TopKArguments& args, bool copy)
      : copied_queries_(args.input.queries,
                        args.input.queries + (copy ? args.input.query_count * args.input.dims : 0)),
        search_(copy ? with_queries(args.input, copied_queries_.data()) : args.input, current_kernels()),
        indices_(args.indices),
        scores_(args.scores) {}

  void cancel() override { search_.cancel(); }
  bool cancelled() const override { return search_.cancelled(); }
  size_t units() const { return search_.units(); }

 protected:
  void work() override { search_.work(); }
  void finish() override { search_.finish(indices_, scores_); }

 private:
  std::vector<float> copied_queries_;
  TopKSearch search_;
  uint32_t* indices_;
  float* scores_;
};

// The caller allocates the results, because Node-API's own allocation ends the process when memory is short.
constexpr size_t kIndices = 6;
constexpr size_t kScores = 7;

Napi::Object result_of(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result["indices"] = info[kIndices];
  result["scores"] = info[kScores];
  return result;
}

TopKArguments top_k_arguments(const Napi::CallbackInfo& info) {
  const Span<float> queries = floats(info, 0);
  const Span<float> corpus = floats(info, 1);
  const size_t dims = integer(info, 2, 1, 0xffffffff);
  const size_t k = integer(info, 3, 1, 0xffffffff);
  const Metric kind = metric(info, 4);
  const size_t threads = integer(info, 5, 1, 0xffffffff);
  const size_t query_count = rows_of(info.Env(), queries.length, dims);
  const size_t corpus_count = rows_of(info.Env(), corpus.length, dims);
  if (query_count == 0 || corpus_count == 0 || k > corpus_count || corpus_count > 0xffffffff ||
      kind == Metric::kL1) {
    throw_error(info.Env(), "ERR_INVALID_ARG", "Expected at least one query, k rows and a search metric");
  }
  const Span<uint32_t> indices = words(info, kIndices);
  const Span<float> scores = floats(info, kScores);
  if (indices.length != product(info.Env(), query_count, k) || scores.length != indices.length) {
    throw_error(info.Env(), "ERR_DIMENSION", "Expected room for k results per query");
  }
  const SearchInput input = {queries.data, query_count, corpus.data, corpus_count, dims, k, kind};
  return {input, std::min(threads, ThreadPool::kMaxThreads), indices.data, scores.data};
}

[[noreturn]] void throw_resources(Napi::Env env, const std::exception& error) {
  throw_error(env, "ERR_RUNTIME", std::string("A search could not start: ") + error.what());
}

}  // namespace

Napi::Value top_k_sync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TopKArguments args = top_k_arguments(info);
  try {
    TopKSearch search(args.input, current_kernels());
    const auto gate = std::make_shared<Gate>();
    std::atomic<bool> failed = false;
    const auto work = [&search, &failed] {
      try {
        search.work();
      } catch (const std::bad_alloc&) {
        failed = true;
        search.cancel();
      }
    };
    if (const size_t helpers = std::min(args.threads, search.units()) - 1; helpers > 0) {
      // A helper that starts late finds the gate closed and touches nothing of this frame.
      const auto help = [gate, &work] {
        if (!gate->enter()) return;
        work();
        gate->leave();
      };
      try {
        ThreadPool::instance().submit(help, helpers);
      } catch (const std::exception&) {
        // This thread can do it alone.
      }
    }
    work();
    gate->close();
    if (failed) throw std::bad_alloc();
    search.finish(args.indices, args.scores);
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
    const napi_value promise = Environment::of(env).start(search, std::min(args.threads, search->units()));
    Napi::Object task = Napi::Object::New(env);
    task["promise"] = Napi::Value(env, promise);
    task["cancel"] = Napi::Function::New(env, [weak = std::weak_ptr(search)](const Napi::CallbackInfo&) {
      if (const auto running = weak.lock()) running->cancel();
    });
    return task;
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw_resources(env, error);
  }
}

}  // namespace embedlane
