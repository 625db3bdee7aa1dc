#include "args.h"

#include <cmath>

#include "environment.h"

namespace embedlane {
namespace {

[[noreturn]] void refuse(Napi::Env env, const char* code, const std::string& expected, size_t index) {
  throw_error(env, code, "Expected " + expected + " for argument " + std::to_string(index));
}

// This runs twice for every pair of vectors, where the call itself is the cost: it builds no message, and
// asks Node for nothing, that a good argument does not need.
template <class T>
Span<T> typed(const Napi::CallbackInfo& info, size_t index, napi_typedarray_type type, const char* name) {
  const napi_env env = info.Env();
  // Stays what nobody asks for where Node-API does not know the kind of array.
  napi_typedarray_type actual = napi_biguint64_array;
  size_t length;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env, info[index], &actual, &length, &data, &buffer, nullptr) != napi_ok) {
    refuse(env, "ERR_INVALID_ARG", std::string("a ") + name, index);
  }
  if (actual != type) refuse(env, "ERR_DTYPE", std::string("a ") + name, index);
  bool owned = false;
  napi_is_arraybuffer(env, buffer, &owned);
  bool detached = false;
  // What is detached has no length any more.
  if (owned && length == 0) napi_is_detached_arraybuffer(env, buffer, &detached);
  if (!owned || detached) refuse(env, "ERR_INVALID_ARG", "memory that is neither shared nor detached", index);
  return {static_cast<T*>(data), length};
}

}  // namespace

void throw_error(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  throw error;
}

Span<float> floats(const Napi::CallbackInfo& info, size_t index) {
  return typed<float>(info, index, napi_float32_array, "Float32Array");
}

Span<uint16_t> halves(const Napi::CallbackInfo& info, size_t index) {
  return typed<uint16_t>(info, index, napi_uint16_array, "Uint16Array");
}

Span<int8_t> signed_bytes(const Napi::CallbackInfo& info, size_t index) {
  return typed<int8_t>(info, index, napi_int8_array, "Int8Array");
}

Span<uint8_t> bytes(const Napi::CallbackInfo& info, size_t index) {
  return typed<uint8_t>(info, index, napi_uint8_array, "Uint8Array");
}

Span<uint16_t> half_words(const Napi::CallbackInfo& info, size_t index) {
  return typed<uint16_t>(info, index, napi_uint16_array, "Uint16Array");
}

Span<uint32_t> words(const Napi::CallbackInfo& info, size_t index) {
  return typed<uint32_t>(info, index, napi_uint32_array, "Uint32Array");
}

Span<double> doubles(const Napi::CallbackInfo& info, size_t index) {
  return typed<double>(info, index, napi_float64_array, "Float64Array");
}

bool is_typed_array(const Napi::CallbackInfo& info, size_t index, napi_typedarray_type type) {
  return info[index].IsTypedArray() && info[index].As<Napi::TypedArray>().TypedArrayType() == type;
}

Elements elements(const Napi::CallbackInfo& info, size_t index, Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32: {
      const Span<float> span = floats(info, index);
      return {span.data, span.length * sizeof(float)};
    }
    case Dtype::kF16:
    case Dtype::kBf16: {
      const Span<uint16_t> span = halves(info, index);
      return {span.data, span.length * sizeof(uint16_t)};
    }
    case Dtype::kI8: {
      const Span<int8_t> span = signed_bytes(info, index);
      return {span.data, span.length};
    }
    default: {
      const Span<uint8_t> span = bytes(info, index);
      return {span.data, span.length};
    }
  }
}

void require_fixed_length(const Napi::CallbackInfo& info, size_t index) {
  if (Environment::of(info.Env()).is_resizable(info[index].As<Napi::TypedArray>().ArrayBuffer())) {
    throw_error(info.Env(), "ERR_INVALID_ARG",
                "Expected a fixed-length ArrayBuffer for argument " + std::to_string(index));
  }
}

double number(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsNumber()) return info[index].As<Napi::Number>().DoubleValue();
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected a number for argument " + std::to_string(index));
}

size_t integer(const Napi::CallbackInfo& info, size_t index, double min, double max) {
  if (info[index].IsNumber()) {
    const double value = info[index].As<Napi::Number>().DoubleValue();
    if (value >= min && value <= max && value == std::floor(value)) return size_t(value);
  }
  throw_error(info.Env(), "ERR_INVALID_ARG",
              "Expected an integer in range for argument " + std::to_string(index));
}

bool boolean(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsBoolean()) return info[index].As<Napi::Boolean>().Value();
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected a boolean for argument " + std::to_string(index));
}

std::string string(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsString()) return info[index].As<Napi::String>().Utf8Value();
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected a string for argument " + std::to_string(index));
}

Metric metric(const Napi::CallbackInfo& info, size_t index) {
  const std::string name = string(info, index);
  if (name == "cosine") return Metric::kCosine;
  if (name == "dot") return Metric::kDot;
  if (name == "l2") return Metric::kL2;
  if (name == "l1") return Metric::kL1;
  throw_error(info.Env(), "ERR_INVALID_ARG",
              "Expected 'cosine', 'dot', 'l2' or 'l1' but received '" + name + "'");
}

size_t rows_of(Napi::Env env, size_t length, size_t dims) {
  if (dims == 0 ? length != 0 : length % dims != 0) {
    throw_error(
        env, "ERR_DIMENSION",
        "Expected whole rows of " + std::to_string(dims) + " values but received " + std::to_string(length));
  }
  return dims == 0 ? 0 : length / dims;
}

size_t product(Napi::Env env, size_t a, size_t b) {
  if (b != 0 && a > SIZE_MAX / 8 / b) throw_error(env, "ERR_DIMENSION", "Expected a matrix that fits memory");
  return a * b;
}

}  // namespace embedlane
