// The addon's argument layer: the functions that JavaScript calls, as they are, on values that are nearly
// right or wrong in every way. Node-API is stood in for by node_api/, so that every read beyond an array's
// memory, every use of memory that was detached or collected meanwhile, and every leak is seen. What is
// refused is refused with an error that has a code, and leaves everything as it was.
#include <napi.h>

#include <algorithm>

#include "../index/row_segment.h"
#include "../kernels/dispatch.h"
#include "../kernels/dtype.h"
#include "../tokenizer/wordpiece.h"
#include "addon_calls.h"
#include "memory_file.h"

extern "C" napi_value napi_register_module_v1(napi_env env, napi_value exports);

namespace embedlane::fuzz {
namespace {

constexpr const char* kDtypes[] = {"f32", "f16", "bf16", "i8", "b1"};
constexpr Dtype kStoreDtypes[] = {Dtype::kF32, Dtype::kF16, Dtype::kBf16, Dtype::kI8, Dtype::kB1};
constexpr size_t kMostTasks = 6;
// More of them reach hardly more and take long.
constexpr int kMostSteps = 24;

struct Store {
  napi_value object;
  RowCodec codec;
  Acceleration acceleration;
};

// One input: an environment, and calls until the bytes are used up.
class Session {
 public:
  explicit Session(FuzzedDataProvider& in) : in_(in), make_(&env_, in) {
    exports_ = env_.make(Kind::kObject);
    napi_register_module_v1(&env_, exports_);
    require(env_.exception == nullptr, "an addon that loads");
    keep_roots();
  }

  void step() {
    switch (in_.ConsumeIntegralInRange(0, 11)) {
      case 0:
        construct();
        break;
      case 1:
      case 2:
      case 3:
      case 4:
        if (!stores_.empty()) use(pick(stores_));
        break;
      case 5:
      case 6:
        if (!tasks_.empty()) use_task(pick(tasks_));
        break;
      case 7:
        if (!tokenizers_.empty()) tokenize(pick(tokenizers_));
        break;
      default: {
        const auto& functions = addon_functions();
        const AddonFunction& function =
            functions[in_.ConsumeIntegralInRange<size_t>(0, functions.size() - 1)];
        call(function.name, function.arguments(make_));
      }
    }
    // What a task of the last step holds, and the queries that it copied, may be all that is left of a call.
    const uint8_t pause = in_.ConsumeIntegral<uint8_t>();
    if (pause % 4 == 0) env_.turn(pause % 8 == 0);
    if (pause % 3 == 0) {
      keep_roots();
      env_.collect();
    }
  }

  // Otherwise the environment ends with jobs under way, as a worker does that is terminated.
  void settle() { env_.turn(true); }

 private:
  template <class T>
  T& pick(std::vector<T>& list) {
    return list[in_.ConsumeIntegralInRange<size_t>(0, list.size() - 1)];
  }

  void keep_roots() {
    env_.roots = {exports_};
    for (const Store& store : stores_) env_.roots.push_back(store.object);
    env_.roots.insert(env_.roots.end(), tasks_.begin(), tasks_.end());
    env_.roots.insert(env_.roots.end(), tokenizers_.begin(), tokenizers_.end());
  }

  // Whether the last call threw; what it threw says what was wrong.
  bool refused() {
    const napi_value error = env_.take_exception();
    if (error == nullptr) return false;
    const auto code = error->properties.find("code");
    const bool coded = code != error->properties.end() && code->second->text.starts_with("ERR_");
    // Those of conversions are JavaScript's own.
    require(coded || error->properties.count("name") > 0, "an error with a code");
    return true;
  }

  napi_value call(const char* name, std::vector<napi_value> arguments) {
    make_.spoil(arguments);
    const napi_value result = env_.invoke(exports_->properties.at(name), exports_, arguments);
    if (refused() || result == nullptr) return nullptr;
    if (std::string_view(name) == "createWordPiece") {
      if (tokenizers_.size() < kMostTasks) tokenizers_.push_back(result);
    } else if (result->properties.count("cancel") > 0) {
      add_task(result);
    }
    return result;
  }

  void add_task(napi_value task) {
    if (tasks_.size() == kMostTasks) tasks_.erase(tasks_.begin());
    tasks_.push_back(task);
  }

  void construct() {
    const size_t dtype = in_.ConsumeIntegralInRange<size_t>(0, 4), dims = make_.size(1, 90);
    const auto acceleration = Acceleration(dtype == 0 ? in_.ConsumeIntegralInRange(0, 2) : 0);
    const napi_value name = acceleration == Acceleration::kNone   ? make_.null()
                            : acceleration == Acceleration::kInt8 ? make_.text("int8")
                                                                  : make_.text("binary");
    std::vector<napi_value> arguments = {make_.number(double(dims)), make_.text(kDtypes[dtype]), name};
    make_.spoil(arguments);
    const napi_value object = env_.construct(exports_->properties.at("RowStore"), arguments);
    if (refused()) return;
    // Spoilt arguments may have been right too, but for another store.
    const bool same = arguments.size() == 3 && arguments[0]->number == double(dims) &&
                      arguments[1]->text == kDtypes[dtype] && arguments[2]->text == name->text;
    if (!same) return;
    if (stores_.size() == kMostTasks) stores_.erase(stores_.begin());
    stores_.push_back({object, RowCodec(kStoreDtypes[dtype], dims), acceleration});
  }

  // Rows that it has, or -1 if it was closed.
  double rows_of(const Store& store) {
    const napi_value rows = env_.invoke(store.object, "rows", {});
    return refused() ? -1 : rows->number;
  }

  void use(Store& store) {
    const double before = rows_of(store);
    const size_t rows = size_t(std::max(before, 1.0));
    const auto [name, arguments] = method(store, rows);
    std::vector<napi_value> spoilt = arguments;
    make_.spoil(spoilt);
    const napi_value result = env_.invoke(store.object, name, spoilt);
    if (refused()) {
      require(rows_of(store) == before, "the rows of before a call that was refused");
      return;
    }
    if (result == nullptr || result->kind != Kind::kObject) return;
    add_task(result);
    if (std::string_view(name) == "searchSync") use_task(result);
  }

  std::pair<const char*, std::vector<napi_value>> method(const Store& store, size_t rows) {
    const RowCodec& codec = store.codec;
    const size_t count = make_.size(1, 12), dims = codec.dims(), stride = codec.stride();
    const auto scales = [&] { return codec.has_scales() ? make_.f32(count) : make_.null(); };
    switch (in_.ConsumeIntegralInRange(0, 13)) {
      case 0:
        return {"firstUnfit", {make_.f32(count * dims)}};
      case 1:
      case 2:
        return {"append", {make_.f32(count * dims)}};
      case 3:
        return {"stage", {make_.f32(count * dims)}};
      case 4:
        return {"appendStored", {make_.u8(count * stride), scales()}};
      case 5:
        return {"map", mapped(store, count)};
      case 6:
        return {"prepare", {make_.number(double(count))}};
      case 7:
        return {"gather", {make_.below(count, rows), make_.u8(count * stride), scales()}};
      case 8: {
        const bool floats = store.acceleration == Acceleration::kInt8;
        return {"gatherCodes",
                {make_.below(count, rows), make_.u8(count * code_stride(store.acceleration, dims)),
                 make_.f32(floats ? kCodeFloats * count : 0)}};
      }
      case 9:
        return {"read", {make_.below(count, rows), make_.f32(count * dims)}};
      case 10:
        return {"close", {}};
      default:
        return {make_.coin() ? "search" : "searchSync", searched(store, rows)};
    }
  }

  std::vector<napi_value> mapped(const Store& store, size_t count) {
    const size_t offset = 64 * make_.size(0, 2),
                 rows_end = offset + (count * store.codec.stride() + 63) / 64 * 64;
    const bool coded = store.acceleration != Acceleration::kNone && make_.coin();
    const size_t bytes =
        coded ? rows_end + code_bytes(store.acceleration, store.codec.dims(), count) : rows_end;
    // Any bytes: what is mapped can be searched, whatever it says.
    files_.push_back(std::make_unique<MemoryFile>(values<uint8_t>(in_, bytes)));
    return {make_.text(files_.back()->path()), make_.number(double(bytes)),
            make_.number(double(offset)),      make_.number(double(coded ? rows_end : 0)),
            make_.number(double(count)),       store.codec.has_scales() ? make_.f32(count) : make_.null()};
  }

  std::vector<napi_value> searched(const Store& store, size_t rows) {
    const bool binary = store.acceleration == Acceleration::kSigns && make_.coin();
    return {make_.f32(make_.size(1, 5) * store.codec.dims()),
            make_.one_of({"dot", "cosine", "l2", "l1"}),
            make_.number(double(make_.size(1, 12))),
            make_.coin() ? make_.null() : make_.number(in_.ConsumeFloatingPointInRange<double>(-2, 2)),
            make_.number(double(make_.size(1, 3))),
            make_.number(double(make_.size(1, rows))),
            make_.coin() ? make_.null() : make_.u32((rows + 31) / 32),
            make_.number(double(binary ? make_.size(1, 30) : 0))};
  }

  void use_task(napi_value task) {
    const auto has = [&](const char* name) { return task->properties.count(name) > 0; };
    const auto number = [&](const char* name) {
      const napi_value value = env_.invoke(task, name, {});
      return refused() ? 0 : size_t(value->number);
    };
    switch (in_.ConsumeIntegralInRange(0, 3)) {
      case 0:
        if (has("cancel")) number("cancel");
        break;
      case 1:
        if (has("adopt")) {
          env_.invoke(task, "adopt", {});
          refused();
        }
        break;
      default: {
        if (!has("take")) return;
        number("scored");
        const size_t total = number("total");
        // Of how many queries nobody knows any more.
        std::vector<napi_value> arguments = {make_.f64(make_.size(2, 6)), make_.u32(total), make_.f32(total)};
        make_.spoil(arguments);
        env_.invoke(task, "take", arguments);
        refused();
      }
    }
  }

  void tokenize(napi_value promise) {
    const auto made = promise->properties.find("value");
    if (made == promise->properties.end()) return;
    const size_t texts = make_.size(0, 5), units = texts == 0 ? 0 : make_.size(0, 60);
    const napi_value characters = make_.characters(units), ends = make_.ends(texts, units);
    const napi_value limit = make_.number(double(make_.size(1, 20)));
    if (make_.coin()) {
      const size_t room = units * WordPiece::kMostPerUnit;
      call("encodeWordPiece", {made->second, characters, ends, limit, make_.boolean(), make_.boolean(),
                               make_.u32(room), make_.u32(texts), make_.u8(texts)});
      return;
    }
    const size_t dims = make_.size(1, 40), kept = make_.size(1, dims);
    call("embedWordPiece",
         {made->second, characters, ends, limit, make_.boolean(), make_.boolean(), make_.f32(40 * dims),
          make_.number(double(dims)), make_.boolean(), make_.number(double(kept)), make_.boolean(),
          make_.f32(texts * kept), make_.u32(texts), make_.u8(texts)});
  }

  FuzzedDataProvider& in_;
  // Mapped by name only during a call.
  std::vector<std::unique_ptr<MemoryFile>> files_;
  napi_env__ env_;
  CallArguments make_;
  napi_value exports_;
  std::vector<Store> stores_;
  std::vector<napi_value> tasks_;
  std::vector<napi_value> tokenizers_;
};

}  // namespace

void run(FuzzedDataProvider& in) {
  const auto level = Level(in.ConsumeIntegralInRange<size_t>(0, kLevelCount - 1));
  set_level(level_available(level) ? level : Level::kScalar);
  const bool terminated = in.ConsumeBool();
  Session session(in);
  for (int step = 0; step < kMostSteps && in.remaining_bytes() > 0; step++) session.step();
  if (!terminated) session.settle();
}

}  // namespace embedlane::fuzz
