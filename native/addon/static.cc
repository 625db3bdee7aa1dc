#include "static.h"

#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include "../kernels/dispatch.h"
#include "../pooling/bag.h"
#include "../tokenizer/wordpiece.h"
#include "args.h"
#include "environment.h"

namespace embedlane {
namespace {

constexpr double kMost = 0xffffffff;

// A tokenizer and its scratch memory: as many as jobs were ever in it at once.
struct SharedWordPiece {
  std::unique_ptr<const WordPiece> model;  // null until the job that makes it is over
  std::mutex mutex;
  std::vector<std::unique_ptr<WordPiece::Scratch>> spare;

  std::unique_ptr<WordPiece::Scratch> borrow() {
    std::lock_guard lock(mutex);
    if (spare.empty()) return std::make_unique<WordPiece::Scratch>();
    std::unique_ptr<WordPiece::Scratch> scratch = std::move(spare.back());
    spare.pop_back();
    return scratch;
  }

  void give_back(std::unique_ptr<WordPiece::Scratch> scratch) {
    std::lock_guard lock(mutex);
    spare.push_back(std::move(scratch));
  }
};

using WordPieceHandle = std::shared_ptr<SharedWordPiece>;
constexpr napi_type_tag kWordPieceTag = {0x6f1d9c1b6f0a4c6e, 0x9c58d1b7a2e34f05};

const WordPieceHandle& handle(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsExternal()) {
    const auto external = info[index].As<Napi::External<WordPieceHandle>>();
    if (external.CheckTypeTag(&kWordPieceTag) && (*external.Data())->model != nullptr)
      return *external.Data();
  }
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected a tokenizer for argument " + std::to_string(index));
}

void require_ends(Napi::Env env, const Span<uint32_t>& ends, size_t length) {
  uint32_t last = 0;
  for (size_t i = 0; i < ends.length; i++) {
    if (ends.data[i] < last) throw_error(env, "ERR_INVALID_ARG", "Expected ends in ascending order");
    last = ends.data[i];
  }
  if (last != length) throw_error(env, "ERR_DIMENSION", "Expected the last end at the end of the values");
}

// Strings of two arguments, units and ends.
Strings strings(const Napi::CallbackInfo& info, size_t index) {
  const Span<uint16_t> units = half_words(info, index);
  const Span<uint32_t> ends = words(info, index + 1);
  require_ends(info.Env(), ends, units.length);
  return {{units.data, units.length}, {ends.data, ends.length}};
}

// Starts `job` on one thread and returns its promise; the arguments before `count` stay alive and in place.
Napi::Value start(const Napi::CallbackInfo& info, const std::shared_ptr<AsyncJob>& job, size_t count) {
  const Napi::Env env = info.Env();
  for (size_t i = 0; i < count; i++) {
    if (info[i].IsTypedArray()) require_fixed_length(info, i);
    if (info[i].IsTypedArray() || info[i].IsExternal()) job->keep(env, info[i]);
  }
  try {
    return Napi::Value(env, Environment::of(env).start(job, 1));
  } catch (const std::system_error& error) {
    throw_error(env, "ERR_RUNTIME", std::string("Native work could not start: ") + error.what());
  }
}

class WordPieceJob : public AsyncJob {
 public:
  WordPieceHandle holder;
  Strings vocabulary, added;
  const uint32_t *ids, *added_ids;
  std::span<const uint16_t> prefix;
  WordPiece::Options options;

 protected:
  void work() override {
    holder->model = std::make_unique<const WordPiece>(vocabulary, ids, prefix, added, added_ids, options);
  }
};

class EncodeJob : public AsyncJob {
 public:
  WordPieceHandle tokenizer;
  Strings texts;
  TokenLimits limits;
  uint32_t *ids, *ends;
  uint8_t* known;

 protected:
  void work() override {
    std::unique_ptr<WordPiece::Scratch> scratch = tokenizer->borrow();
    uint32_t end = 0;
    for (size_t t = 0; t < texts.size() && !cancelled(); t++) {
      size_t count = 0;
      known[t] = tokenizer->model->encode(texts[t], limits, *scratch, ids + end, &count);
      end += uint32_t(known[t] ? count : 0);
      ends[t] = end;
    }
    tokenizer->give_back(std::move(scratch));
  }
};

class BagJob : public AsyncJob {
 public:
  BagJob(const BagInput& input, float* out)
      : input_(input), out_(out), kernels_(current_kernels()), sums_(current_bag_sums()) {}

 protected:
  void work() override { bag_means(kernels_, sums_, input_, out_); }

 private:
  BagInput input_;
  float* out_;
  const Kernels& kernels_;
  BagSums sums_;
};

}  // namespace

Napi::Value create_word_piece(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto job = std::make_shared<WordPieceJob>();
  job->holder = std::make_shared<SharedWordPiece>();
  job->vocabulary = strings(info, 0);
  const Span<uint32_t> ids = words(info, 2);
  job->added = strings(info, 3);
  const Span<uint32_t> added_ids = words(info, 5);
  const Span<uint16_t> prefix = half_words(info, 6);
  job->ids = ids.data;
  job->added_ids = added_ids.data;
  job->prefix = {prefix.data, prefix.length};
  job->options = {boolean(info, 7), uint32_t(integer(info, 8, 0, kMost)), integer(info, 9, 0, kMost)};
  if (ids.length != job->vocabulary.size() || added_ids.length != job->added.size()) {
    throw_error(env, "ERR_DIMENSION", "Expected one id for each token");
  }
  const auto external = Napi::External<WordPieceHandle>::New(
      env, new WordPieceHandle(job->holder), [](Napi::Env, WordPieceHandle* holder) { delete holder; });
  external.TypeTag(&kWordPieceTag);
  job->result = reference_to(env, external);
  return start(info, job, 7);
}

Napi::Value encode_word_piece(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto job = std::make_shared<EncodeJob>();
  job->tokenizer = handle(info, 0);
  job->texts = strings(info, 1);
  job->limits = {integer(info, 3, 1, kMost), boolean(info, 4), boolean(info, 5)};
  const Span<uint32_t> ids = words(info, 6);
  const Span<uint32_t> ends = words(info, 7);
  const Span<uint8_t> known = bytes(info, 8);
  const size_t room = product(env, job->texts.units.size(), WordPiece::kMostPerUnit);
  if (ids.length < room || ids.length > kMost || ends.length != job->texts.size() ||
      known.length != job->texts.size()) {
    throw_error(env, "ERR_DIMENSION", "Expected room for every token and one end and flag for each text");
  }
  job->ids = ids.data;
  job->ends = ends.data;
  job->known = known.data;
  return start(info, job, 9);
}

Napi::Value bag_means(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<float> table = floats(info, 0);
  const size_t dims = integer(info, 1, 1, kMost);
  const Span<uint32_t> ids = words(info, 2);
  const Span<uint32_t> ends = words(info, 3);
  const bool normalize = boolean(info, 4);
  const size_t kept = integer(info, 5, 1, double(dims));
  const bool normalize_kept = boolean(info, 6);
  const Span<float> out = floats(info, 7);
  const size_t rows = rows_of(env, table.length, dims);
  require_ends(env, ends, ids.length);
  for (size_t i = 0; i < ids.length; i++) {
    if (ids.data[i] >= rows) throw_error(env, "ERR_INVALID_ARG", "Expected ids of rows of the table");
  }
  if (out.length != product(env, ends.length, kept)) {
    throw_error(env, "ERR_DIMENSION", "Expected room for the mean of each bag");
  }
  const BagInput input = {table.data,  dims,      ids.data, ends.data,
                          ends.length, normalize, kept,     normalize_kept};
  return start(info, std::make_shared<BagJob>(input, out.data), 8);
}

}  // namespace embedlane
