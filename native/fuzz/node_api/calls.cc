// The functions of Node-API for functions, classes, references, promises and the environment.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "../input.h"
#include "runtime.h"

using embedlane::fuzz::require;

namespace {

napi_status refer(napi_env env, napi_value value, uint32_t count, napi_ref* result) {
  *result = new napi_ref__{value, count};
  env->references.insert(*result);
  return env->set(napi_ok);
}

napi_status settle(napi_env env, napi_deferred deferred, const char* how, napi_value value) {
  require(env->deferreds.erase(deferred) == 1, "a promise that is settled once");
  deferred->promise->properties[how] = value;
  delete deferred;
  return env->set(napi_ok);
}

}  // namespace

extern "C" {

napi_status napi_create_function(napi_env env, const char*, size_t, napi_callback call, void* data,
                                 napi_value* result) {
  *result = env->make(Kind::kFunction);
  (*result)->call = call;
  (*result)->data = data;
  return env->set(napi_ok);
}

napi_status napi_define_class(napi_env env, const char*, size_t, napi_callback constructor, void* data,
                              size_t count, const napi_property_descriptor* members, napi_value* result) {
  const auto made = std::make_shared<Class>();
  made->constructor = constructor;
  made->members.assign(members, members + count);
  *result = env->make(Kind::kFunction);
  (*result)->call = constructor;
  (*result)->data = data;
  (*result)->made_by = made;
  return env->set(napi_ok);
}

napi_status napi_define_properties(napi_env env, napi_value object, size_t count,
                                   const napi_property_descriptor* properties) {
  for (size_t i = 0; i < count; i++) {
    if (properties[i].value != nullptr) object->properties[properties[i].utf8name] = properties[i].value;
  }
  return env->set(napi_ok);
}

napi_status napi_get_cb_info(napi_env env, napi_callback_info info, size_t* count, napi_value* arguments,
                             napi_value* self, void** data) {
  if (arguments != nullptr) {
    for (size_t i = 0; i < *count; i++) {
      arguments[i] = i < info->arguments.size() ? info->arguments[i] : env->make(Kind::kUndefined);
    }
  }
  if (count != nullptr) *count = info->arguments.size();
  if (self != nullptr) *self = info->self;
  if (data != nullptr) *data = info->data;
  return env->set(napi_ok);
}

napi_status napi_get_new_target(napi_env env, napi_callback_info info, napi_value* result) {
  *result = info->new_target;
  return env->set(napi_ok);
}

napi_status napi_call_function(napi_env env, napi_value self, napi_value function, size_t count,
                               const napi_value* arguments, napi_value* result) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  const napi_value returned = env->invoke(function, self, {arguments, arguments + count});
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  if (result != nullptr) *result = returned;
  return env->set(napi_ok);
}

napi_status napi_wrap(napi_env env, napi_value object, void* native, napi_finalize finalize, void* hint,
                      napi_ref* result) {
  if (object->wrapped != nullptr) return env->set(napi_invalid_arg);
  object->wrapped = native;
  env->finalizers.push_back({object, finalize, native, hint});
  return result == nullptr ? env->set(napi_ok) : refer(env, object, 0, result);
}

napi_status napi_unwrap(napi_env env, napi_value object, void** result) {
  if (object->wrapped == nullptr) return env->set(napi_invalid_arg);
  *result = object->wrapped;
  return env->set(napi_ok);
}

napi_status napi_remove_wrap(napi_env env, napi_value object, void** result) {
  if (object->wrapped == nullptr) return env->set(napi_invalid_arg);
  if (result != nullptr) *result = object->wrapped;
  env->finalizers.remove_if(
      [&](const auto& one) { return one.owner == object && one.data == object->wrapped; });
  object->wrapped = nullptr;
  return env->set(napi_ok);
}

napi_status napi_add_finalizer(napi_env env, napi_value object, void* data, napi_finalize finalize,
                               void* hint, napi_ref* result) {
  env->finalizers.push_back({object, finalize, data, hint});
  return result == nullptr ? env->set(napi_ok) : refer(env, object, 0, result);
}

napi_status napi_create_external(napi_env env, void* data, napi_finalize finalize, void* hint,
                                 napi_value* result) {
  *result = env->make(Kind::kExternal);
  (*result)->data = data;
  if (finalize != nullptr) env->finalizers.push_back({*result, finalize, data, hint});
  return env->set(napi_ok);
}

napi_status napi_get_value_external(napi_env env, napi_value value, void** result) {
  if (value->kind != Kind::kExternal) return env->set(napi_invalid_arg);
  *result = value->data;
  return env->set(napi_ok);
}

napi_status napi_type_tag_object(napi_env env, napi_value value, const napi_type_tag* tag) {
  value->tag = *tag;
  return env->set(napi_ok);
}

napi_status napi_check_object_type_tag(napi_env env, napi_value value, const napi_type_tag* tag,
                                       bool* result) {
  *result = value->tag && value->tag->lower == tag->lower && value->tag->upper == tag->upper;
  return env->set(napi_ok);
}

napi_status napi_create_reference(napi_env env, napi_value value, uint32_t count, napi_ref* result) {
  if (value->kind < Kind::kObject) return env->set(napi_invalid_arg);
  return refer(env, value, count, result);
}

napi_status napi_delete_reference(napi_env env, napi_ref reference) {
  require(env->references.erase(reference) == 1, "a reference that is deleted once");
  delete reference;
  return env->set(napi_ok);
}

napi_status napi_get_reference_value(napi_env env, napi_ref reference, napi_value* result) {
  require(env->references.count(reference) == 1, "a reference that is still there");
  *result = reference->value;
  return env->set(napi_ok);
}

napi_status napi_create_promise(napi_env env, napi_deferred* deferred, napi_value* promise) {
  *promise = env->make(Kind::kObject);
  *deferred = new napi_deferred__{*promise};
  env->deferreds.insert(*deferred);
  return env->set(napi_ok);
}

napi_status napi_resolve_deferred(napi_env env, napi_deferred deferred, napi_value value) {
  return settle(env, deferred, "value", value);
}

napi_status napi_reject_deferred(napi_env env, napi_deferred deferred, napi_value value) {
  return settle(env, deferred, "error", value);
}

napi_status napi_create_threadsafe_function(napi_env env, napi_value, napi_value, napi_value, size_t, size_t,
                                            void*, napi_finalize, void* context,
                                            napi_threadsafe_function_call_js deliver,
                                            napi_threadsafe_function* result) {
  env->bells.push_back(std::make_unique<napi_threadsafe_function__>());
  *result = env->bells.back().get();
  (*result)->deliver = deliver;
  (*result)->context = context;
  return env->set(napi_ok);
}

// On any thread.
napi_status napi_call_threadsafe_function(napi_threadsafe_function bell, void*,
                                          napi_threadsafe_function_call_mode) {
  std::lock_guard lock(bell->mutex);
  bell->rings++;
  bell->rung.notify_one();
  return napi_ok;
}

napi_status napi_ref_threadsafe_function(node_api_basic_env env, napi_threadsafe_function bell) {
  bell->referenced = true;
  return env->set(napi_ok);
}

napi_status napi_unref_threadsafe_function(node_api_basic_env env, napi_threadsafe_function bell) {
  bell->referenced = false;
  return env->set(napi_ok);
}

napi_status napi_add_env_cleanup_hook(node_api_basic_env env, napi_cleanup_hook hook, void* data) {
  env->hooks.emplace_back(hook, data);
  return env->set(napi_ok);
}

napi_status napi_set_instance_data(node_api_basic_env env, void* data, napi_finalize finalize, void* hint) {
  env->instance_data = data;
  env->finalizers.push_back({nullptr, finalize, data, hint});
  return env->set(napi_ok);
}

napi_status napi_get_instance_data(node_api_basic_env env, void** data) {
  *data = env->instance_data;
  return env->set(napi_ok);
}

napi_status napi_adjust_external_memory(node_api_basic_env env, int64_t change, int64_t* result) {
  env->external_bytes += change;
  require(env->external_bytes >= 0, "memory given back that was there");
  *result = env->external_bytes;
  return env->set(napi_ok);
}

napi_status napi_throw(napi_env env, napi_value error) {
  if (env->exception != nullptr) return env->set(napi_pending_exception);
  env->exception = error;
  return env->set(napi_ok);
}

napi_status napi_is_exception_pending(napi_env env, bool* result) {
  *result = env->exception != nullptr;
  return env->set(napi_ok);
}

napi_status napi_get_and_clear_last_exception(napi_env env, napi_value* result) {
  if (env->exception == nullptr) return napi_get_undefined(env, result);
  *result = env->take_exception();
  return env->set(napi_ok);
}

napi_status napi_get_last_error_info(node_api_basic_env env, const napi_extended_error_info** result) {
  *result = &env->last;
  return napi_ok;
}

void napi_fatal_error(const char* location, size_t, const char* message, size_t) {
  std::fprintf(stderr, "%s: %s\n", location, message);
  std::abort();
}

// Values live until they are collected, whatever scope they were made in.
napi_status napi_open_handle_scope(napi_env env, napi_handle_scope* scope) {
  *scope = nullptr;
  return env->set(napi_ok);
}

napi_status napi_close_handle_scope(napi_env env, napi_handle_scope) { return env->set(napi_ok); }

napi_status napi_open_escapable_handle_scope(napi_env env, napi_escapable_handle_scope* scope) {
  *scope = nullptr;
  return env->set(napi_ok);
}

napi_status napi_close_escapable_handle_scope(napi_env env, napi_escapable_handle_scope) {
  return env->set(napi_ok);
}

napi_status napi_escape_handle(napi_env env, napi_escapable_handle_scope, napi_value value,
                               napi_value* result) {
  *result = value;
  return env->set(napi_ok);
}

napi_status napi_close_callback_scope(napi_env env, napi_callback_scope) { return env->set(napi_ok); }

napi_status napi_async_destroy(napi_env env, napi_async_context) { return env->set(napi_ok); }

}  // extern "C"
