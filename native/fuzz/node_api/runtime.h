#pragma once

#include <node_api.h>

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

// As much of Node-API as the addon calls, without a JavaScript engine: values are plain structs, arrays have
// memory of exactly their size, and the garbage collector runs when it is told to. What Node leaves undefined
// is an error here.

enum class Kind {
  kUndefined,
  kNull,
  kBoolean,
  kNumber,
  kString,
  kSymbol,
  kBigint,
  kObject,
  kFunction,
  kArray,
  kArrayBuffer,
  kTypedArray,
  kExternal,
};

struct Class {
  napi_callback constructor = nullptr;
  std::vector<napi_property_descriptor> members;
};

struct napi_value__ {
  Kind kind = Kind::kUndefined;
  double number = 0;  // of booleans too
  std::string text;
  std::map<std::string, napi_value> properties;
  std::vector<napi_value> elements;

  // Array buffers.
  std::unique_ptr<uint8_t[]> memory;
  size_t bytes = 0;
  bool shared = false;
  bool resizable = false;

  // Typed arrays.
  napi_value buffer = nullptr;
  napi_typedarray_type type = napi_int8_array;
  size_t offset = 0;
  size_t length = 0;

  // Functions and classes.
  napi_callback call = nullptr;
  void* data = nullptr;  // of externals too
  std::shared_ptr<const Class> made_by;

  void* wrapped = nullptr;
  std::optional<napi_type_tag> tag;
  // The buffer that is detached when JavaScript of this value runs: by a getter, or by its conversion.
  napi_value trap = nullptr;
  bool marked = false;
};

struct napi_ref__ {
  napi_value value;
  uint32_t count;
};

struct napi_deferred__ {
  napi_value promise;
};

struct napi_callback_info__ {
  napi_value self;
  napi_value new_target;
  std::vector<napi_value> arguments;
  void* data;
};

struct napi_threadsafe_function__ {
  napi_threadsafe_function_call_js deliver;
  void* context;
  std::mutex mutex;
  std::condition_variable rung;
  size_t rings = 0;
  bool referenced = true;
};

// An environment: what a thread that runs JavaScript has of the addon.
struct napi_env__ {
  napi_env__();
  // As Node ends one: the hooks, the finalizers, then everything else. Jobs may be under way.
  ~napi_env__();
  napi_env__(const napi_env__&) = delete;
  napi_env__& operator=(const napi_env__&) = delete;

  napi_value make(Kind kind);
  // An array of `length` elements that begins `offset` bytes into a buffer of its own, which ends where it
  // ends.
  napi_value typed_array(napi_typedarray_type type, size_t offset, size_t length);
  void detach(napi_value buffer);

  // Calls a function, or a method or getter of an object; null if it threw.
  napi_value invoke(napi_value function, napi_value self, const std::vector<napi_value>& arguments);
  napi_value invoke(napi_value object, const char* member, const std::vector<napi_value>& arguments);
  napi_value returned(napi_value result);
  napi_value construct(napi_value function, const std::vector<napi_value>& arguments);
  // The exception that the last call threw, which is none any more, or null.
  napi_value take_exception();

  // Lets threads that have finished jobs be heard; waits for all jobs if `all`.
  void turn(bool all);
  // Frees every value that neither `roots`, nor a reference, nor a promise to be settled leads to.
  void collect();

  napi_status set(napi_status status) {
    last.error_code = status;
    return status;
  }
  // JavaScript of `value` runs.
  void spring(napi_value value) {
    if (value->trap != nullptr) detach(value->trap);
  }

  struct Finalizer {
    napi_value owner;  // null: the environment
    napi_finalize call;
    void* data;
    void* hint;
  };

  std::list<std::unique_ptr<napi_value__>> values;
  napi_value global;
  std::vector<napi_value> roots;
  std::list<Finalizer> finalizers;
  std::unordered_set<napi_ref> references;
  std::unordered_set<napi_deferred> deferreds;
  std::list<std::unique_ptr<napi_threadsafe_function__>> bells;
  std::vector<std::pair<napi_cleanup_hook, void*>> hooks;
  napi_extended_error_info last = {};
  napi_value exception = nullptr;
  void* instance_data = nullptr;
  int64_t external_bytes = 0;
};

constexpr size_t kTypedArrayTypes = 11;
size_t bytes_of(napi_typedarray_type type);
