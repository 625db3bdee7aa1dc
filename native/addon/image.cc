#include "image.h"

#include <cmath>
#include <new>

#include "../image/resample.h"
#include "args.h"

namespace embedlane {
namespace {

// Pillow's names, by its numbers.
constexpr const char* kFilterNames[kFilterCount] = {"nearest", "lanczos", "bilinear",
                                                    "bicubic", "box",     "hamming"};

double field(const Napi::Object& object, const char* name, double min, double max) {
  const Napi::Value value = object.Get(name);
  if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (number >= min && number <= max && number == std::floor(number)) return number;
  }
  throw_error(object.Env(), "ERR_INVALID_ARG", std::string("Expected an integer in range for ") + name);
}

Napi::Object object_of(Napi::Env env, const Napi::Value& value) {
  if (value.IsObject()) return value.As<Napi::Object>();
  throw_error(env, "ERR_INVALID_ARG", "Expected an object that describes a resize");
}

ResizeAxis axis_of(Napi::Env env, const Napi::Value& value) {
  const Napi::Object object = object_of(env, value);
  const double most = double(kMaxImageSide);
  ResizeAxis axis;
  axis.image = size_t(field(object, "image", 1, most));
  axis.canvas = size_t(field(object, "canvas", double(axis.image), most));
  axis.offset = size_t(field(object, "offset", 0, double(axis.canvas - axis.image)));
  axis.resized = size_t(field(object, "resized", 1, double(kMaxResizedSide)));
  axis.window_start = ptrdiff_t(field(object, "windowStart", -most, most));
  axis.window = size_t(field(object, "window", 1, most));
  return axis;
}

Filter filter_of(Napi::Env env, const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  for (size_t i = 0; i < kFilterCount; i++) {
    if (name == kFilterNames[i]) return Filter(i);
  }
  throw_error(env, "ERR_INVALID_ARG", "Expected a resampling filter but received '" + name + "'");
}

Resize resize_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object object = object_of(env, info[1]);
  Resize input;
  input.x = axis_of(env, object.Get("x"));
  input.y = axis_of(env, object.Get("y"));
  input.filter = filter_of(env, object.Get("filter"));
  const Napi::Value height_first = object.Get("heightFirst");
  if (!height_first.IsBoolean()) throw_error(env, "ERR_INVALID_ARG", "Expected a boolean for heightFirst");
  input.height_first_allowed = height_first.As<Napi::Boolean>().Value();
  // Last, because the properties may be getters.
  const Span<uint8_t> pixels = bytes(info, 0);
  input.pixels = pixels.data;
  if (pixels.length != product(env, product(env, input.x.image, input.y.image), 3)) {
    throw_error(env, "ERR_DIMENSION", "Expected three bytes for every pixel of the image");
  }
  return input;
}

size_t values_of(Napi::Env env, const Resize& input) {
  return product(env, product(env, input.x.window, input.y.window), 3);
}

template <class Run>
void guarded(Napi::Env env, Run&& run) {
  try {
    run();
  } catch (const std::bad_alloc&) {
    throw_error(env, "ERR_RUNTIME", "Out of memory while resizing an image");
  }
}

}  // namespace

void resize_image(const Napi::CallbackInfo& info) {
  const Resize input = resize_of(info);
  const Span<uint8_t> out = bytes(info, 2);
  if (out.length != values_of(info.Env(), input)) {
    throw_error(info.Env(), "ERR_DIMENSION", "Expected room for every pixel of the window");
  }
  guarded(info.Env(), [&] { resize(input, current_level(), out.data); });
}

void resize_image_to_planes(const Napi::CallbackInfo& info) {
  const Resize input = resize_of(info);
  const Span<float> table = floats(info, 2);
  const Span<float> out = floats(info, 3);
  if (table.length != 3 * 256 || out.length != values_of(info.Env(), input)) {
    throw_error(info.Env(), "ERR_DIMENSION", "Expected three tables and room for every pixel of the window");
  }
  guarded(info.Env(), [&] { resize_to_planes(input, current_level(), table.data, out.data); });
}

}  // namespace embedlane
