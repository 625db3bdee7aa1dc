#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "input.h"
#include "node_api/runtime.h"

namespace embedlane::fuzz {

// Makes values for the addon's calls from an input's bytes: right ones, and wrong ones.
class CallArguments {
 public:
  CallArguments(napi_env env, FuzzedDataProvider& in) : env_(env), in_(in) {}

  size_t size(size_t least, size_t most) { return in_.ConsumeIntegralInRange(least, most); }
  bool coin() { return in_.ConsumeBool(); }

  napi_value null() { return env_->make(Kind::kNull); }
  napi_value number(double value);
  napi_value boolean() { return boolean(coin()); }
  napi_value boolean(bool value);
  napi_value text(const std::string& value);
  napi_value one_of(std::initializer_list<const char*> names);
  napi_value object(std::initializer_list<std::pair<const char*, napi_value>> properties);
  napi_value list(std::initializer_list<const char*> names);

  // Typed arrays of any contents.
  napi_value array(napi_typedarray_type type, size_t length);
  napi_value f32(size_t length) { return array(napi_float32_array, length); }
  napi_value f64(size_t length) { return array(napi_float64_array, length); }
  napi_value u8(size_t length) { return array(napi_uint8_array, length); }
  napi_value i8(size_t length) { return array(napi_int8_array, length); }
  napi_value u16(size_t length) { return array(napi_uint16_array, length); }
  napi_value u32(size_t length) { return array(napi_uint32_array, length); }
  // Int8Array or Uint8Array.
  napi_value codes(size_t length) { return coin() ? i8(length) : u8(length); }
  // Rows as DTYPES of src/native/binding.ts numbers their elements.
  napi_value rows(size_t dtype, size_t count, size_t dims);
  // Uint32Array of numbers below `limit`, which is not 0 unless there are none.
  napi_value below(size_t length, size_t limit);
  // Uint32Array of ascending numbers that ends with `total`.
  napi_value ends(size_t length, size_t total);
  // Uint16Array of the characters that words are made of here.
  napi_value characters(size_t length);

  // A value of any kind.
  napi_value anything();
  // Makes up to two of the arguments wrong in some way; mostly one, sometimes none.
  void spoil(std::vector<napi_value>& arguments);

 private:
  void spoil_one(std::vector<napi_value>& arguments, size_t at);
  void set_trap(const std::vector<napi_value>& arguments, size_t at);
  uint32_t next();

  napi_env env_;
  FuzzedDataProvider& in_;
  uint32_t state_ = 1;
};

}  // namespace embedlane::fuzz
