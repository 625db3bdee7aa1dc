#include "store_search.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "../index/segment_search.h"
#include "../kernels/dispatch.h"
#include "../search/aligned.h"
#include "args.h"
#include "environment.h"
#include "task.h"

namespace embedlane {
namespace {

// A search and everything that it reads: whatever becomes of the store and of the caller's arrays, they stay.
class StoreSearch : public AsyncJob {
 public:
  StoreSearch(const SearchInput& input, const RowStore& store, size_t rows, const float* queries,
              const Span<uint32_t>& allowed)
      : query_count_(input.query_count),
        segments_(store.snapshot(rows)),
        queries_(aligned<uint8_t>(input.query_count * row_bytes(input.dtype, input.dims))),
        scales_(store.codec().has_scales() ? input.query_count : 0),
        allowed_(allowed.length / 2 + allowed.length % 2) {
    encode_queries(store.codec(), queries, input.query_count);
    if (allowed.length > 0) std::memcpy(allowed_.data(), allowed.data, allowed.length * sizeof(uint32_t));
    search_ = search_segments(complete(input), segments_, store.acceleration());
  }

  Search& search() { return *search_; }
  void cancel() override { search_->cancel(); }
  bool cancelled() const override { return search_->cancelled(); }

  // On the calling thread, with the help of others.
  void run_here(size_t threads) {
    run_job(*search_, threads);
    finished_ = true;
  }

  // After the search.
  bool finished() const { return finished_; }
  size_t query_count() const { return query_count_; }
  size_t total() const {
    size_t sum = 0;
    for (size_t q = 0; q < query_count_; q++) sum += search_->found(q);
    return sum;
  }
  uint64_t scored() const { return search_->scored(); }
  void release() override { segments_.clear(); }
  void take(double* offsets, uint32_t* indices, float* scores) const {
    size_t at = 0;
    for (size_t q = 0; q < query_count_; q++) {
      offsets[q] = double(at);
      search_->copy(q, indices + at, scores + at);
      at += search_->found(q);
    }
    offsets[query_count_] = double(at);
  }

 protected:
  void work() override { search_->work(); }
  void finish() override {
    search_->finish();
    finished_ = true;
  }

 private:
  // As the rows are, but without padding.
  void encode_queries(const RowCodec& codec, const float* queries, size_t count) {
    const Kernels& kernels = current_kernels();
    const size_t used = row_bytes(codec.dtype(), codec.dims());
    std::vector<uint8_t> row(codec.stride());
    for (size_t q = 0; q < count; q++) {
      float scale;
      codec.encode(kernels, queries + q * codec.dims(), row.data(), &scale);
      std::memcpy(queries_.get() + q * used, row.data(), used);
      if (codec.has_scales()) scales_[q] = scale;
    }
  }

  SearchInput complete(SearchInput input) const {
    input.queries = queries_.get();
    if (!scales_.empty()) input.query_scales = scales_.data();
    input.allowed = allowed_.empty() ? nullptr : allowed_.data();
    return input;
  }

  size_t query_count_;
  std::vector<RowSegment> segments_;
  Aligned<uint8_t> queries_;
  std::vector<float> scales_;
  std::vector<uint64_t> allowed_;
  std::unique_ptr<Search> search_;
  std::atomic<bool> finished_ = false;
};

struct Arguments {
  std::shared_ptr<StoreSearch> search;
  size_t threads;
};

Arguments arguments(const Napi::CallbackInfo& info, RowStore& store) {
  const Napi::Env env = info.Env();
  const Span<float> queries = floats(info, 0);
  SearchInput input;
  const RowCodec& codec = store.codec();
  input.dtype = codec.dtype();
  input.dims = codec.dims();
  input.query_count = rows_of(env, queries.length, codec.dims());
  input.metric = metric(info, 1);
  input.k = integer(info, 2, 1, 0xffffffff);
  if (!info[3].IsNull()) {
    input.radius = float(number(info, 3));
    if (std::isnan(*input.radius)) throw_error(env, "ERR_INVALID_ARG", "Expected a radius that is a number");
  }
  const size_t threads = std::min(integer(info, 4, 1, 0xffffffff), ThreadPool::kMaxThreads);
  const size_t rows = integer(info, 5, 1, 0xffffffff);
  const Span<uint32_t> allowed = info[6].IsNull() ? Span<uint32_t>{nullptr, 0} : words(info, 6);
  if (input.query_count == 0 || rows > store.rows() ||
      (allowed.data != nullptr && allowed.length < (rows + 31) / 32)) {
    throw_error(env, "ERR_INVALID_ARG",
                "Expected a query, a search metric, rows of the store and their bits");
  }
  input.candidates = integer(info, 7, 0, 0xffffffff);
  if (input.candidates > 0 && store.acceleration() != Acceleration::kSigns) {
    throw_error(env, "ERR_INVALID_ARG", "Expected candidates only where signs are kept");
  }
  if (codec.first_unfit(queries.data, input.query_count) >= 0) {
    throw_error(env, "ERR_INVALID_ARG", "Expected queries that the dtype can hold");
  }
  try {
    if (input.query_count > 1) store.keep_norms();
    return {std::make_shared<StoreSearch>(input, store, rows, queries.data, allowed), threads};
  } catch (const std::exception& error) {
    throw_error(env, "ERR_RUNTIME", std::string("A search could not start: ") + error.what());
  }
}

// Gives `task` what hands out the results.
void add_results(Napi::Env env, Napi::Object task, const std::shared_ptr<StoreSearch>& search) {
  task["total"] = Napi::Function::New(env, [search](const Napi::CallbackInfo& info) {
    if (!search->finished()) throw_error(info.Env(), "ERR_INVALID_ARG", "Expected a finished search");
    return Napi::Number::New(info.Env(), double(search->total()));
  });
  task["scored"] = Napi::Function::New(env, [search](const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), double(search->scored()));
  });
  task["take"] = Napi::Function::New(env, [search](const Napi::CallbackInfo& info) {
    const Span<double> offsets = doubles(info, 0);
    const Span<uint32_t> indices = words(info, 1);
    const Span<float> scores = floats(info, 2);
    const size_t total = search->finished() ? search->total() : SIZE_MAX;
    if (offsets.length != search->query_count() + 1 || indices.length != total || scores.length != total) {
      throw_error(info.Env(), "ERR_DIMENSION", "Expected room for the results");
    }
    search->take(offsets.data, indices.data, scores.data);
    search->release();
  });
}

}  // namespace

Napi::Value search_store(const Napi::CallbackInfo& info, RowStore& store) {
  const Napi::Env env = info.Env();
  const auto [search, threads] = arguments(info, store);
  Napi::Object task = start_task(env, search, std::min(threads, search->search().units()));
  add_results(env, task, search);
  return task;
}

Napi::Value search_store_sync(const Napi::CallbackInfo& info, RowStore& store) {
  const auto [search, threads] = arguments(info, store);
  try {
    search->run_here(threads);
  } catch (const std::exception& error) {
    throw_error(info.Env(), "ERR_RUNTIME", std::string("A search could not be done: ") + error.what());
  }
  Napi::Object results = Napi::Object::New(info.Env());
  add_results(info.Env(), results, search);
  return results;
}

}  // namespace embedlane
