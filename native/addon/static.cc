#include "static.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "../kernels/dispatch.h"
#include "../pooling/bag.h"
#include "../storage/large_pages.h"
#include "../threads/turns.h"
#include "../tokenizer/wordpiece.h"
#include "args.h"
#include "environment.h"
#include "vector_table.h"

namespace embedlane {
namespace {

constexpr double kMost = 0xffffffff;

// What a thread needs to tokenise and may keep for the next job.
struct Desk {
  WordPiece::Scratch scratch;
  std::vector<uint32_t> ids;
};

// Ids that stay on a desk: those of ordinary texts. One text of many megabytes must not hold memory for ever.
constexpr size_t kKeptIds = size_t(1) << 16;

// A tokenizer and the desks of its threads: as many as jobs were ever in it at once.
struct SharedWordPiece {
  explicit SharedWordPiece(size_t threads) : turns(std::make_shared<Turns>(threads)) {}

  std::unique_ptr<const WordPiece> model;  // null until the job that makes it is over
  const std::shared_ptr<Turns> turns;      // of the threads that embed
  std::mutex mutex;
  std::vector<std::unique_ptr<Desk>> spare;

  std::unique_ptr<Desk> borrow() {
    std::lock_guard lock(mutex);
    if (spare.empty()) return std::make_unique<Desk>();
    std::unique_ptr<Desk> desk = std::move(spare.back());
    spare.pop_back();
    return desk;
  }

  void give_back(std::unique_ptr<Desk> desk) {
    if (desk->ids.size() > kKeptIds) desk->ids = {};
    std::lock_guard lock(mutex);
    spare.push_back(std::move(desk));
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

// Starts `job` on one thread, if given when it has its turn, and returns its promise; the arguments before
// `count` stay alive and in place.
Napi::Value start(const Napi::CallbackInfo& info, const std::shared_ptr<AsyncJob>& job, size_t count,
                  Turns* turns = nullptr) {
  const Napi::Env env = info.Env();
  for (size_t i = 0; i < count; i++) {
    if (info[i].IsTypedArray()) require_fixed_length(info, i);
    if (info[i].IsTypedArray() || info[i].IsExternal()) job->keep(env, info[i]);
  }
  try {
    Environment& environment = Environment::of(env);
    return Napi::Value(env, turns ? environment.start(job, *turns) : environment.start(job, 1));
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
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
    std::unique_ptr<Desk> desk = tokenizer->borrow();
    uint32_t end = 0;
    for (size_t t = 0; t < texts.size() && !cancelled(); t++) {
      size_t count = 0;
      known[t] =
          tokenizer->model->encode(texts[t], texts.readable(t), limits, desk->scratch, ids + end, &count);
      end += uint32_t(known[t] ? count : 0);
      ends[t] = end;
    }
    tokenizer->give_back(std::move(desk));
  }
};

// Tokenises texts and averages the rows of their tokens while the ids are still in the nearest cache.
class EmbedJob : public AsyncJob {
 public:
  WordPieceHandle tokenizer;
  Strings texts;
  TokenLimits limits;
  BagInput means;  // but for ids and ends
  std::shared_ptr<const MappedFile> file;
  float* out;
  uint32_t* counts;
  uint8_t* known;

 protected:
  void work() override {
    std::unique_ptr<Desk> desk = tokenizer->borrow();
    for (size_t first = 0; first < texts.size() && !cancelled();) first = embed_group(first, *desk);
    tokenizer->give_back(std::move(desk));
  }

 private:
  // The tables of the tokenizer and that of the vectors take turns in the caches.
  static constexpr size_t kGroup = 256;

  // As many texts as there is room for from `first` on; returns the next.
  size_t embed_group(size_t first, Desk& desk) {
    uint32_t ends[kGroup];
    uint32_t end = 0;
    size_t t = first;
    for (; t < texts.size() && t - first < kGroup; t++) {
      const size_t most = end + WordPiece::kMostPerUnit * texts[t].size();
      if (most > desk.ids.size()) {
        if (t > first) break;
        desk.ids.resize(std::max(most, kKeptIds));
      }
      size_t count = 0;
      known[t] = tokenizer->model->encode(texts[t], texts.readable(t), limits, desk.scratch,
                                          desk.ids.data() + end, &count);
      counts[t] = uint32_t(known[t] ? count : 0);
      ends[t - first] = end += counts[t];
    }
    BagInput group = means;
    group.ids = desk.ids.data();
    group.ends = ends;
    group.bags = t - first;
    bag_means(kernels_, mean_of_, group, out + first * means.kept);
    return t;
  }

  const Kernels& kernels_ = current_kernels();
  const BagMean mean_of_ = current_bag_mean();
};

class BagJob : public AsyncJob {
 public:
  BagJob(const BagInput& input, std::shared_ptr<const MappedFile> file, float* out)
      : input_(input),
        file_(std::move(file)),
        out_(out),
        kernels_(current_kernels()),
        mean_of_(current_bag_mean()) {}

 protected:
  void work() override { bag_means(kernels_, mean_of_, input_, out_); }

 private:
  BagInput input_;
  std::shared_ptr<const MappedFile> file_;
  float* out_;
  const Kernels& kernels_;
  BagMean mean_of_;
};

}  // namespace

Napi::Value create_word_piece(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto job = std::make_shared<WordPieceJob>();
  job->holder = std::make_shared<SharedWordPiece>(integer(info, 10, 1, kMost));
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

Napi::Value embed_word_piece(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto job = std::make_shared<EmbedJob>();
  job->tokenizer = handle(info, 0);
  job->texts = strings(info, 1);
  job->limits = {integer(info, 3, 1, kMost), boolean(info, 4), boolean(info, 5)};
  const VectorTable table = vector_table(info, 6);
  const size_t dims = integer(info, 7, 1, kMost);
  const size_t kept = integer(info, 9, 1, double(dims));
  job->means = {table.data, dims, nullptr, nullptr, 0, boolean(info, 8), kept, boolean(info, 10)};
  const Span<float> out = floats(info, 11);
  const Span<uint32_t> counts = words(info, 12);
  const Span<uint8_t> known = bytes(info, 13);
  if (job->tokenizer->model->highest_id() >= rows_of(env, table.length, dims)) {
    throw_error(env, "ERR_INVALID_ARG", "Expected a row of the table for each token");
  }
  const size_t texts = job->texts.size();
  if (product(env, job->texts.units.size(), WordPiece::kMostPerUnit) > kMost ||
      out.length != product(env, texts, kept) || counts.length != texts || known.length != texts) {
    throw_error(env, "ERR_DIMENSION", "Expected room for a mean, a count and a flag for each text");
  }
  job->file = table.file;
  job->out = out.data;
  job->counts = counts.data;
  job->known = known.data;
  return start(info, job, 14, job->tokenizer->turns.get());
}

Napi::Value prefer_large_pages(const Napi::CallbackInfo& info) {
  const Span<uint8_t> data = bytes(info, 0);
  prefer_large_pages(data.data, data.length);
  return info.Env().Undefined();
}

Napi::Value bag_means(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const VectorTable table = vector_table(info, 0);
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
  return start(info, std::make_shared<BagJob>(input, table.file, out.data), 8);
}

}  // namespace embedlane
