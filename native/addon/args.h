#pragma once

#include <napi.h>

#include <string>

#include "../search/scores.h"

namespace embedlane {

// Arguments of the addon's functions. The TypeScript side has validated them; these checks keep a mistake
// there from becoming a wild read here. Each throws a Napi::Error whose `code` is ERR_INVALID_ARG or
// ERR_DTYPE.

[[noreturn]] void throw_error(Napi::Env env, const char* code, const std::string& message);

// A typed array's memory, byte offset included. Valid until JavaScript runs again, which it may do wherever a
// property is read: those come first.
template <class T>
struct Span {
  T* data;
  size_t length;
};

Span<float> floats(const Napi::CallbackInfo& info, size_t index);
Span<uint16_t> halves(const Napi::CallbackInfo& info, size_t index);
Span<int8_t> signed_bytes(const Napi::CallbackInfo& info, size_t index);
Span<uint8_t> bytes(const Napi::CallbackInfo& info, size_t index);
Span<uint16_t> half_words(const Napi::CallbackInfo& info, size_t index);
Span<uint32_t> words(const Napi::CallbackInfo& info, size_t index);
Span<double> doubles(const Napi::CallbackInfo& info, size_t index);

bool is_typed_array(const Napi::CallbackInfo& info, size_t index, napi_typedarray_type type);

// Elements as DTYPES of src/native/binding.ts numbers them, in the array that holds such.
struct Elements {
  const void* data;
  size_t bytes;
};

Elements elements(const Napi::CallbackInfo& info, size_t index, Dtype dtype);

// Throws if argument `index` lies in a buffer that could shrink while another thread reads it.
void require_fixed_length(const Napi::CallbackInfo& info, size_t index);

double number(const Napi::CallbackInfo& info, size_t index);
size_t integer(const Napi::CallbackInfo& info, size_t index, double min, double max);
bool boolean(const Napi::CallbackInfo& info, size_t index);
std::string string(const Napi::CallbackInfo& info, size_t index);
Metric metric(const Napi::CallbackInfo& info, size_t index);

// rows of a matrix with `length` values; throws if they do not fill rows of `dims`.
size_t rows_of(Napi::Env env, size_t length, size_t dims);

// The result of batch × sequence × dims and the like; throws if it overflows.
size_t product(Napi::Env env, size_t a, size_t b);

}  // namespace embedlane
