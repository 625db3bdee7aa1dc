#include "call_arguments.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace embedlane::fuzz {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kNumbers[] = {0,      -0.0,       1,      -1,     1.5,    kNaN,    kInfinity, 255,
                               0x1p31, 0x1p32 - 1, 0x1p32, 0x1p52, 0x1p53, -0x1p63, 0x1p64,    1e300};
constexpr const char* kWords[] = {"dot", "cosine", "l2", "l1", "jaccard", "f16", "f32", "i8", "", "mean"};
constexpr float kFloats[] = {0, -0.0f, 1e-45f, 1e-20f, 1e19f, 3e38f, -3e38f};

template <class T>
void put(napi_value array, size_t i, T value) {
  std::memcpy(array->buffer->memory.get() + array->offset + i * sizeof(T), &value, sizeof(T));
}

}  // namespace

// xorshift32
uint32_t CallArguments::next() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 17;
  state_ ^= state_ << 5;
  return state_;
}

napi_value CallArguments::number(double value) {
  const napi_value made = env_->make(Kind::kNumber);
  made->number = value;
  return made;
}

napi_value CallArguments::boolean(bool value) {
  const napi_value made = env_->make(Kind::kBoolean);
  made->number = value;
  return made;
}

napi_value CallArguments::text(const std::string& value) {
  const napi_value made = env_->make(Kind::kString);
  made->text = value;
  return made;
}

napi_value CallArguments::one_of(std::initializer_list<const char*> names) {
  return text(names.begin()[size(0, names.size() - 1)]);
}

napi_value CallArguments::object(std::initializer_list<std::pair<const char*, napi_value>> properties) {
  const napi_value made = env_->make(Kind::kObject);
  for (const auto& [name, value] : properties) made->properties[name] = value;
  return made;
}

napi_value CallArguments::list(std::initializer_list<const char*> names) {
  const napi_value made = env_->make(Kind::kArray);
  for (const char* name : names) made->elements.push_back(text(name));
  return made;
}

napi_value CallArguments::array(napi_typedarray_type type, size_t length) {
  const napi_value made = env_->typed_array(type, bytes_of(type) * size(0, 2), length);
  const size_t bytes = length * bytes_of(type);
  const uint8_t kind = in_.ConsumeIntegral<uint8_t>();
  if (kind == 0) return made;
  if (kind < 32) {
    in_.ConsumeData(made->buffer->memory.get() + made->offset, bytes);
    return made;
  }
  state_ = kind;
  for (size_t i = 0; i < length; i++) {
    const uint32_t value = next();
    const bool special = kind < 64 && value % 16 == 0;
    if (type == napi_float32_array) {
      put(made, i, special ? kFloats[value / 16 % std::size(kFloats)] : float(int32_t(value)) * 0x1p-31f);
    } else if (type == napi_float64_array) {
      put(made, i, int32_t(value) * 0x1p-31);
    } else {
      std::memcpy(made->buffer->memory.get() + made->offset + i * bytes_of(type), &value,
                  std::min<size_t>(bytes_of(type), sizeof(value)));
    }
  }
  return made;
}

napi_value CallArguments::rows(size_t dtype, size_t count, size_t dims) {
  constexpr napi_typedarray_type kTypes[] = {napi_float32_array, napi_uint16_array, napi_uint16_array,
                                             napi_int8_array,    napi_uint8_array,  napi_uint8_array};
  const bool bits = dtype == 5;
  return array(kTypes[dtype], count * (bits ? (dims + 7) / 8 : dims));
}

napi_value CallArguments::below(size_t length, size_t limit) {
  const napi_value made = u32(length);
  for (size_t i = 0; i < length; i++) put<uint32_t>(made, i, next() % std::max<size_t>(limit, 1));
  return made;
}

napi_value CallArguments::ends(size_t length, size_t total) {
  const napi_value made = u32(length);
  std::vector<uint32_t> ends(length);
  for (uint32_t& end : ends) end = next() % (total + 1);
  std::sort(ends.begin(), ends.end());
  if (length > 0) ends.back() = uint32_t(total);
  for (size_t i = 0; i < length; i++) put(made, i, ends[i]);
  return made;
}

napi_value CallArguments::characters(size_t length) {
  constexpr uint16_t kCharacters[] = {'a', 'b', 'c', '#', '#', ' ', '.', '1', 0xe9, 0x4e2d, 0xd83d, 0xde00};
  const napi_value made = u16(length);
  if (coin()) return made;
  for (size_t i = 0; i < length; i++) put(made, i, kCharacters[next() % std::size(kCharacters)]);
  return made;
}

napi_value CallArguments::anything() {
  const auto any_array = [&] {
    return array(napi_typedarray_type(size(0, kTypedArrayTypes - 1)), size(0, 80));
  };
  switch (size(0, 11)) {
    case 0:
      return env_->make(Kind::kUndefined);
    case 1:
      return null();
    case 2:
      return boolean();
    case 3:
      return text(in_.PickValueInArray(kWords));
    case 4:
      return env_->make(coin() ? Kind::kSymbol : Kind::kBigint);
    case 5: {
      const napi_value detached = any_array();
      env_->detach(detached->buffer);
      return detached;
    }
    case 6: {
      const napi_value shared = any_array();
      (coin() ? shared->buffer->shared : shared->buffer->resizable) = true;
      return shared;
    }
    case 7:
      return env_->make(coin() ? Kind::kObject : Kind::kArray);
    case 8:
      return env_->make(coin() ? Kind::kExternal : Kind::kArrayBuffer);
    case 9:
      return any_array();
    default:
      return number(in_.PickValueInArray(kNumbers));
  }
}

void CallArguments::set_trap(const std::vector<napi_value>& arguments, size_t at) {
  std::vector<napi_value> buffers;
  for (const napi_value value : arguments) {
    if (value->kind == Kind::kTypedArray) buffers.push_back(value->buffer);
  }
  if (buffers.empty()) return;
  const napi_value value = arguments[at];
  const napi_value trap = buffers[size(0, buffers.size() - 1)];
  if (value->kind == Kind::kTypedArray) {
    value->buffer->trap = trap;
  } else {
    value->trap = trap;
    for (const auto& [name, property] : value->properties) property->trap = trap;
    for (const napi_value element : value->elements) element->trap = trap;
  }
}

void CallArguments::spoil_one(std::vector<napi_value>& arguments, size_t at) {
  const napi_value value = arguments[at];
  if (value->kind == Kind::kObject && !value->properties.empty() && coin()) {
    auto property = value->properties.begin();
    std::advance(property, size(0, value->properties.size() - 1));
    std::vector<napi_value> one = {property->second};
    spoil_one(one, 0);
    property->second = one.front();
    return;
  }
  switch (size(0, 4)) {
    case 0:
    case 1:
      arguments[at] = anything();
      break;
    case 2:
      // One off.
      if (value->kind == Kind::kNumber) {
        arguments[at] = number(value->number + (coin() ? 1 : -1));
      } else if (value->kind == Kind::kTypedArray) {
        arguments[at] =
            array(value->type, coin() || value->length == 0 ? value->length + 1 : value->length - 1);
      }
      break;
    case 3:
      set_trap(arguments, at);
      break;
    default:
      if (value->kind == Kind::kTypedArray) {
        // The same numbers, in memory that others may take away.
        if (coin()) {
          value->buffer->resizable = true;
        } else {
          env_->detach(value->buffer);
        }
      }
  }
}

void CallArguments::spoil(std::vector<napi_value>& arguments) {
  constexpr size_t kHowMany[] = {0, 0, 1, 1, 1, 2};
  for (size_t wrong = in_.PickValueInArray(kHowMany); wrong > 0 && !arguments.empty(); wrong--) {
    spoil_one(arguments, size(0, arguments.size() - 1));
  }
  if (!arguments.empty() && size(0, 19) == 1) arguments.pop_back();
}

}  // namespace embedlane::fuzz
