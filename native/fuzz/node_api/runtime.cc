#include "runtime.h"

#include <algorithm>
#include <iterator>

#include "../input.h"

using embedlane::fuzz::require;

size_t bytes_of(napi_typedarray_type type) {
  constexpr size_t kBytes[kTypedArrayTypes] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  return kBytes[type];
}

namespace {

// ArrayBuffer.prototype.resizable
napi_value resizable(napi_env env, napi_callback_info info) {
  napi_value result;
  napi_get_boolean(env, info->self->resizable, &result);
  return result;
}

// Object.getOwnPropertyDescriptor, of the one property that the addon asks for.
napi_value descriptor(napi_env env, napi_callback_info) {
  const napi_value made = env->make(Kind::kObject), getter = env->make(Kind::kFunction);
  getter->call = resizable;
  made->properties["get"] = getter;
  return made;
}

}  // namespace

napi_env__::napi_env__() : global(make(Kind::kObject)) {
  const napi_value buffer = make(Kind::kFunction), object = make(Kind::kFunction);
  buffer->properties["prototype"] = make(Kind::kObject);
  object->properties["getOwnPropertyDescriptor"] = make(Kind::kFunction);
  object->properties["getOwnPropertyDescriptor"]->call = descriptor;
  global->properties = {{"ArrayBuffer", buffer}, {"Object", object}};
}

napi_value napi_env__::make(Kind kind) {
  values.push_back(std::make_unique<napi_value__>());
  values.back()->kind = kind;
  return values.back().get();
}

napi_value napi_env__::typed_array(napi_typedarray_type type, size_t offset, size_t length) {
  const napi_value buffer = make(Kind::kArrayBuffer);
  buffer->bytes = offset + length * bytes_of(type);
  buffer->memory = std::make_unique<uint8_t[]>(buffer->bytes);
  const napi_value array = make(Kind::kTypedArray);
  array->buffer = buffer;
  array->type = type;
  array->offset = offset;
  array->length = length;
  return array;
}

void napi_env__::detach(napi_value buffer) {
  buffer->memory.reset();
  buffer->bytes = 0;
}

napi_value napi_env__::invoke(napi_value function, napi_value self,
                              const std::vector<napi_value>& arguments) {
  napi_callback_info__ info = {self, nullptr, arguments, function->data};
  return returned(function->call(this, &info));
}

napi_value napi_env__::returned(napi_value result) {
  if (exception != nullptr) return nullptr;
  return result == nullptr ? make(Kind::kUndefined) : result;
}

napi_value napi_env__::invoke(napi_value object, const char* member,
                              const std::vector<napi_value>& arguments) {
  const auto own = object->properties.find(member);
  if (own != object->properties.end()) return invoke(own->second, object, arguments);
  require(object->made_by != nullptr, "an object with such a method");
  for (const napi_property_descriptor& one : object->made_by->members) {
    if (std::string_view(one.utf8name) != member) continue;
    napi_callback_info__ info = {object, nullptr, arguments, one.data};
    return returned((one.method != nullptr ? one.method : one.getter)(this, &info));
  }
  require(false, "a member of the class");
  return nullptr;
}

napi_value napi_env__::construct(napi_value function, const std::vector<napi_value>& arguments) {
  const napi_value object = make(Kind::kObject);
  object->made_by = function->made_by;
  napi_callback_info__ info = {object, function, arguments, function->data};
  function->made_by->constructor(this, &info);
  return exception != nullptr ? nullptr : object;
}

napi_value napi_env__::take_exception() {
  const napi_value taken = exception;
  exception = nullptr;
  return taken;
}

void napi_env__::turn(bool all) {
  for (const auto& bell : bells) {
    do {
      size_t rings;
      {
        std::unique_lock lock(bell->mutex);
        if (all && !deferreds.empty()) bell->rung.wait(lock, [&] { return bell->rings > 0; });
        rings = std::exchange(bell->rings, 0);
      }
      for (; rings > 0; rings--) bell->deliver(this, nullptr, bell->context, nullptr);
      require(exception == nullptr, "nothing thrown where nobody can catch it");
    } while (all && !deferreds.empty());
    // Otherwise the process would end with jobs under way, or never.
    require(bell->referenced == !deferreds.empty(), "an event loop that waits for jobs, and for them only");
  }
}

namespace {

void mark(napi_value value) {
  if (value == nullptr || value->marked) return;
  value->marked = true;
  mark(value->buffer);
  mark(value->trap);
  for (const auto& [name, property] : value->properties) mark(property);
  for (const napi_value element : value->elements) mark(element);
}

}  // namespace

void napi_env__::collect() {
  for (const auto& value : values) value->marked = false;
  for (const napi_value root : roots) mark(root);
  for (const napi_ref reference : references) {
    if (reference->count > 0) mark(reference->value);
  }
  for (const napi_deferred deferred : deferreds) mark(deferred->promise);
  mark(exception);
  mark(global);
  // Taken out before they run, because they may let go of more.
  std::list<Finalizer> due;
  for (auto it = finalizers.begin(); it != finalizers.end();) {
    const auto next = std::next(it);
    if (it->owner != nullptr && !it->owner->marked) due.splice(due.begin(), finalizers, it);
    it = next;
  }
  for (const napi_ref reference : references) {
    if (reference->value != nullptr && !reference->value->marked) reference->value = nullptr;
  }
  std::erase_if(values, [](const auto& value) { return !value->marked; });
  for (const Finalizer& one : due) one.call(this, one.data, one.hint);
}

napi_env__::~napi_env__() {
  for (; !hooks.empty(); hooks.pop_back()) hooks.back().first(hooks.back().second);
  for (const napi_ref reference : references) reference->value = nullptr;
  while (!finalizers.empty()) {
    const Finalizer last_one = finalizers.back();
    finalizers.pop_back();
    last_one.call(this, last_one.data, last_one.hint);
  }
  require(external_bytes == 0, "memory that is accounted for until it is given back");
  for (const napi_ref reference : references) delete reference;
  for (const napi_deferred deferred : deferreds) delete deferred;
}
