#include "pairs.h"

#include "../kernels/dispatch.h"
#include "../search/scores.h"

// Comparing one pair takes less time than calling a function of node-addon-api. So these use Node-API
// directly, ask for nothing that a good pair does not need, and throw nothing: to what is not a good pair the
// answer is undefined, and the caller finds out why.
namespace embedlane {
namespace {

struct PairFunction {
  const char* name;
  Metric metric;
  bool of_bits;
};

constexpr PairFunction kFunctions[] = {
    {"dot", Metric::kDot, false}, {"cosine", Metric::kCosine, false}, {"l2", Metric::kL2, false},
    {"l1", Metric::kL1, false},   {"hamming", Metric::kL1, true},     {"jaccard", Metric::kJaccard, true},
};

// Memory that belongs to this thread, so that nobody can write to it or take it away during the call.
struct Vector {
  // Node-API leaves it as it is where the array is of a kind that it does not know: of Node 24, older
  // releases do not know Float16Array.
  napi_typedarray_type type = napi_biguint64_array;
  size_t length;
  const void* data;
};

bool read(napi_env env, napi_value value, Vector& vector) {
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env, value, &vector.type, &vector.length, &data, &buffer, nullptr) !=
      napi_ok) {
    return false;
  }
  bool owned = false;
  napi_is_arraybuffer(env, buffer, &owned);
  vector.data = data;
  return owned && vector.length > 0;  // what is detached has no length any more
}

// The element type that the array tells: signed bytes of bits are those minus 128, which makes no difference
// to their differences only.
bool own_dtype(napi_typedarray_type type, const PairFunction& function, Dtype& dtype) {
  switch (type) {
    case napi_float32_array:
      dtype = Dtype::kF32;
      break;
    case napi_int8_array:
      dtype = function.of_bits && function.metric == Metric::kL1 ? Dtype::kB1 : Dtype::kI8;
      break;
    case napi_uint8_array:
      dtype = function.of_bits ? Dtype::kB1 : Dtype::kU8;
      break;
    default:
      return false;
  }
  return !function.of_bits || dtype == Dtype::kB1;
}

// The one that the caller chose, by its number, if the array can hold such elements.
bool chosen_dtype(napi_env env, napi_value choice, napi_typedarray_type type, const PairFunction& function,
                  Dtype& dtype) {
  uint32_t number;
  if (napi_get_value_uint32(env, choice, &number) != napi_ok) return false;
  const bool half = number == uint32_t(Dtype::kF16) || number == uint32_t(Dtype::kBf16);
  if ((type == napi_uint16_array && half && !function.of_bits) ||
      (type == napi_uint8_array && number == uint32_t(Dtype::kB1))) {
    dtype = Dtype(number);
    return true;
  }
  return own_dtype(type, function, dtype) && number == uint32_t(dtype);
}

napi_value compare(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  void* data;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, &data) != napi_ok) return nullptr;
  const auto& function = *static_cast<const PairFunction*>(data);
  Vector a, b;
  Dtype dtype{};
  if (!read(env, arguments[0], a) || !read(env, arguments[1], b) || a.type != b.type ||
      a.length != b.length ||
      !(count > 2 ? chosen_dtype(env, arguments[2], a.type, function, dtype)
                  : own_dtype(a.type, function, dtype))) {
    return nullptr;
  }
  const RowKernels& kernels = row_kernels(current_kernels(), dtype);
  const size_t dims = dtype == Dtype::kB1 ? 8 * a.length : a.length;
  const bool needs_square = function.metric == Metric::kCosine || function.metric == Metric::kJaccard;
  const double square = needs_square ? square_of(kernels, a.data, dims) : 0;
  double scratch[2];
  float score;
  score_rows(kernels, function.metric, dims, {a.data, square}, {b.data, 0, 1}, scratch, &score);
  napi_value result;
  return napi_create_double(env, score, &result) == napi_ok ? result : nullptr;
}

}  // namespace

void define_pairs(Napi::Env env, Napi::Object exports) {
  for (const PairFunction& function : kFunctions) {
    napi_value value;
    if (napi_create_function(env, function.name, NAPI_AUTO_LENGTH, compare,
                             const_cast<PairFunction*>(&function), &value) != napi_ok) {
      throw Napi::Error::New(env);
    }
    exports[function.name] = value;
  }
}

}  // namespace embedlane
