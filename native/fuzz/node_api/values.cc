// The functions of Node-API that make values and look into them.
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime.h"

namespace {

std::string text_of(const char* text, size_t length) {
  return length == NAPI_AUTO_LENGTH ? std::string(text) : std::string(text, length);
}

bool is_object(napi_value value) { return value->kind >= Kind::kObject; }

// The buffer was detached, or is a shorter one now.
bool is_out_of_bounds(napi_value array) {
  return array->offset + array->length * bytes_of(array->type) > array->buffer->bytes;
}

napi_status make_error(napi_env env, napi_value code, napi_value message, napi_value* result) {
  if (message->kind != Kind::kString) return env->set(napi_string_expected);
  *result = env->make(Kind::kObject);
  (*result)->properties["message"] = message;
  if (code != nullptr) (*result)->properties["code"] = code;
  return env->set(napi_ok);
}

napi_status throw_type_error(napi_env env, const char* message) {
  napi_value text;
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
  napi_create_type_error(env, nullptr, text, &env->exception);
  env->exception->properties["name"] = text;
  return env->set(napi_pending_exception);
}

}  // namespace

extern "C" {

napi_status napi_get_undefined(napi_env env, napi_value* result) {
  *result = env->make(Kind::kUndefined);
  return env->set(napi_ok);
}

napi_status napi_get_global(napi_env env, napi_value* result) {
  *result = env->global;
  return env->set(napi_ok);
}

napi_status napi_get_null(napi_env env, napi_value* result) {
  *result = env->make(Kind::kNull);
  return env->set(napi_ok);
}

napi_status napi_get_boolean(napi_env env, bool value, napi_value* result) {
  *result = env->make(Kind::kBoolean);
  (*result)->number = value;
  return env->set(napi_ok);
}

napi_status napi_create_double(napi_env env, double value, napi_value* result) {
  *result = env->make(Kind::kNumber);
  (*result)->number = value;
  return env->set(napi_ok);
}

napi_status napi_create_string_utf8(napi_env env, const char* text, size_t length, napi_value* result) {
  *result = env->make(Kind::kString);
  (*result)->text = text_of(text, length);
  return env->set(napi_ok);
}

napi_status napi_create_object(napi_env env, napi_value* result) {
  *result = env->make(Kind::kObject);
  return env->set(napi_ok);
}

napi_status napi_create_array(napi_env env, napi_value* result) {
  *result = env->make(Kind::kArray);
  return env->set(napi_ok);
}

napi_status napi_create_error(napi_env env, napi_value code, napi_value message, napi_value* result) {
  return make_error(env, code, message, result);
}

napi_status napi_create_type_error(napi_env env, napi_value code, napi_value message, napi_value* result) {
  return make_error(env, code, message, result);
}

napi_status napi_typeof(napi_env env, napi_value value, napi_valuetype* result) {
  switch (value->kind) {
    case Kind::kUndefined:
      *result = napi_undefined;
      break;
    case Kind::kNull:
      *result = napi_null;
      break;
    case Kind::kBoolean:
      *result = napi_boolean;
      break;
    case Kind::kNumber:
      *result = napi_number;
      break;
    case Kind::kString:
      *result = napi_string;
      break;
    case Kind::kSymbol:
      *result = napi_symbol;
      break;
    case Kind::kBigint:
      *result = napi_bigint;
      break;
    case Kind::kFunction:
      *result = napi_function;
      break;
    case Kind::kExternal:
      *result = napi_external;
      break;
    default:
      *result = napi_object;
  }
  return env->set(napi_ok);
}

napi_status napi_get_value_double(napi_env env, napi_value value, double* result) {
  if (value->kind != Kind::kNumber) return env->set(napi_number_expected);
  *result = value->number;
  return env->set(napi_ok);
}

napi_status napi_get_value_uint32(napi_env env, napi_value value, uint32_t* result) {
  if (value->kind != Kind::kNumber) return env->set(napi_number_expected);
  // As ToUint32 does.
  const double whole = std::isfinite(value->number) ? std::trunc(value->number) : 0;
  const double rest = std::fmod(whole, 0x1p32);
  *result = uint32_t(int64_t(rest));
  return env->set(napi_ok);
}

napi_status napi_get_value_bool(napi_env env, napi_value value, bool* result) {
  if (value->kind != Kind::kBoolean) return env->set(napi_boolean_expected);
  *result = value->number != 0;
  return env->set(napi_ok);
}

napi_status napi_get_value_string_utf8(napi_env env, napi_value value, char* out, size_t size,
                                       size_t* result) {
  if (value->kind != Kind::kString) return env->set(napi_string_expected);
  if (out == nullptr) {
    *result = value->text.size();
  } else if (size > 0) {
    const size_t copied = std::min(size - 1, value->text.size());
    std::memcpy(out, value->text.data(), copied);
    out[copied] = 0;
    if (result != nullptr) *result = copied;
  }
  return env->set(napi_ok);
}

napi_status napi_coerce_to_number(napi_env env, napi_value value, napi_value* result) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  if (value->kind == Kind::kSymbol || value->kind == Kind::kBigint) return throw_type_error(env, "a number");
  env->spring(value);
  const bool has_number =
      value->kind == Kind::kNumber || value->kind == Kind::kBoolean || value->kind == Kind::kNull;
  return napi_create_double(env, has_number ? value->number : std::numeric_limits<double>::quiet_NaN(),
                            result);
}

napi_status napi_coerce_to_string(napi_env env, napi_value value, napi_value* result) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  if (value->kind == Kind::kSymbol) return throw_type_error(env, "a string");
  env->spring(value);
  return napi_create_string_utf8(env, value->text.data(), value->text.size(), result);
}

napi_status napi_is_array(napi_env env, napi_value value, bool* result) {
  *result = value->kind == Kind::kArray;
  return env->set(napi_ok);
}

napi_status napi_is_typedarray(napi_env env, napi_value value, bool* result) {
  *result = value->kind == Kind::kTypedArray;
  return env->set(napi_ok);
}

napi_status napi_is_arraybuffer(napi_env env, napi_value value, bool* result) {
  *result = value->kind == Kind::kArrayBuffer && !value->shared;
  return env->set(napi_ok);
}

napi_status napi_is_detached_arraybuffer(napi_env env, napi_value value, bool* result) {
  *result = value->kind == Kind::kArrayBuffer && value->memory == nullptr;
  return env->set(napi_ok);
}

napi_status napi_get_typedarray_info(napi_env env, napi_value value, napi_typedarray_type* type,
                                     size_t* length, void** data, napi_value* buffer, size_t* offset) {
  if (value->kind != Kind::kTypedArray) return env->set(napi_invalid_arg);
  const bool gone = is_out_of_bounds(value);
  if (type != nullptr) *type = value->type;
  if (length != nullptr) *length = gone ? 0 : value->length;
  if (data != nullptr) *data = gone ? nullptr : value->buffer->memory.get() + value->offset;
  if (buffer != nullptr) *buffer = value->buffer;
  if (offset != nullptr) *offset = gone ? 0 : value->offset;
  return env->set(napi_ok);
}

napi_status napi_get_array_length(napi_env env, napi_value value, uint32_t* result) {
  if (value->kind != Kind::kArray) return env->set(napi_array_expected);
  *result = uint32_t(value->elements.size());
  return env->set(napi_ok);
}

napi_status napi_get_element(napi_env env, napi_value object, uint32_t index, napi_value* result) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  if (!is_object(object)) return env->set(napi_object_expected);
  env->spring(object);
  if (index >= object->elements.size()) return napi_get_undefined(env, result);
  *result = object->elements[index];
  return env->set(napi_ok);
}

napi_status napi_set_element(napi_env env, napi_value object, uint32_t index, napi_value value) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  if (object->elements.size() <= index) object->elements.resize(index + 1);
  object->elements[index] = value;
  return env->set(napi_ok);
}

napi_status napi_get_named_property(napi_env env, napi_value object, const char* name, napi_value* result) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  if (object->kind == Kind::kUndefined || object->kind == Kind::kNull) return env->set(napi_object_expected);
  env->spring(object);
  const auto found = object->properties.find(name);
  if (found != object->properties.end()) {
    *result = found->second;
    return env->set(napi_ok);
  }
  if (object->kind == Kind::kArrayBuffer && !object->shared && std::strcmp(name, "resizable") == 0)
    return napi_get_boolean(env, object->resizable, result);
  return napi_get_undefined(env, result);
}

napi_status napi_set_named_property(napi_env env, napi_value object, const char* name, napi_value value) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  if (!is_object(object)) return env->set(napi_object_expected);
  object->properties[name] = value;
  return env->set(napi_ok);
}

napi_status napi_get_property(napi_env env, napi_value object, napi_value key, napi_value* result) {
  if (key->kind != Kind::kString) return env->set(napi_name_expected);
  return napi_get_named_property(env, object, key->text.c_str(), result);
}

napi_status napi_has_property(napi_env env, napi_value object, napi_value key, bool* result) {
  if (!is_object(object)) return env->set(napi_object_expected);
  *result = key->kind == Kind::kString && object->properties.count(key->text) > 0;
  return env->set(napi_ok);
}

}  // extern "C"
