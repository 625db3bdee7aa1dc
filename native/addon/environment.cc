#include "environment.h"

#include <new>

namespace embedlane {
namespace {

// Node-API calls below may fail with napi_cannot_run_js or napi_pending_exception while a worker is being
// terminated. There is nobody left to tell then, so their status is not looked at.
napi_value coded_error(napi_env env, const char* code, const char* message) {
  napi_value text, error = nullptr, code_value;
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value);
  napi_create_error(env, code_value, text, &error);
  return error;
}

// The job's hold on values of JavaScript.
void delete_references(napi_env env, const AsyncJob& job) {
  if (job.result != nullptr) napi_delete_reference(env, job.result);
  for (const napi_ref reference : job.kept) napi_delete_reference(env, reference);
}

// Node-API 8 has no call for what this getter tells. It is that of the moment in which the addon is loaded.
Napi::FunctionReference resizable_getter(Napi::Env env) {
  const auto object = [](const Napi::Value& value) {
    return value.IsObject() || value.IsFunction() ? value.As<Napi::Object>() : Napi::Object();
  };
  const Napi::Object global = env.Global();
  const Napi::Object buffer = object(global.Get("ArrayBuffer"));
  const Napi::Object root = object(global.Get("Object"));
  if (buffer.IsEmpty() || root.IsEmpty()) return {};
  const Napi::Value find = root.Get("getOwnPropertyDescriptor");
  if (!find.IsFunction()) return {};
  const Napi::Object descriptor =
      object(find.As<Napi::Function>().Call({buffer.Get("prototype"), Napi::String::New(env, "resizable")}));
  const Napi::Value getter = descriptor.IsEmpty() ? env.Undefined() : descriptor.Get("get");
  return getter.IsFunction() ? Napi::Persistent(getter.As<Napi::Function>()) : Napi::FunctionReference();
}

}  // namespace

napi_ref reference_to(Napi::Env env, napi_value value) {
  napi_ref reference;
  if (napi_create_reference(env, value, 1, &reference) != napi_ok) throw Napi::Error::New(env);
  return reference;
}

void AsyncJob::keep(Napi::Env env, napi_value value) { kept.push_back(reference_to(env, value)); }

void AsyncJob::take_part(void (AsyncJob::*part)()) {
  try {
    if (!cancelled()) (this->*part)();
  } catch (const std::bad_alloc&) {
    failed_ = true;
    cancel();
  }
}

void AsyncJob::run(Mailbox& mailbox) {
  if (!gate_.enter()) return;
  take_part(&AsyncJob::work);
  if (gate_.leave_unless_last()) return;
  take_part(&AsyncJob::finish);
  {
    std::lock_guard lock(mailbox.mutex);
    mailbox.finished.push_back(this);
    napi_call_threadsafe_function(mailbox.bell, nullptr, napi_tsfn_nonblocking);
  }
  gate_.leave();
}

Environment::Environment(Napi::Env env) : env_(env), resizable_(resizable_getter(env)) {
  napi_value name;
  napi_create_string_utf8(env, "embedlane", NAPI_AUTO_LENGTH, &name);
  const napi_status status = napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr,
                                                             nullptr, this, deliver, &mailbox_->bell);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, mailbox_->bell);
  // Hooks run in reverse order: after the bell's own, so that this one runs while the bell still works.
  napi_add_env_cleanup_hook(env, shut_down, this);
}

void Environment::attach(Napi::Env env) { env.SetInstanceData(new Environment(env)); }

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

bool Environment::is_resizable(const Napi::ArrayBuffer& buffer) const {
  if (resizable_.IsEmpty()) return false;
  const Napi::Value answer = resizable_.Call(buffer, std::initializer_list<napi_value>{});
  return answer.IsBoolean() && answer.As<Napi::Boolean>().Value();
}

template <class Submit>
napi_value Environment::start_by(const std::shared_ptr<AsyncJob>& job, const Submit& submit) {
  napi_value promise;
  if (napi_create_promise(env_, &job->deferred, &promise) != napi_ok) throw Napi::Error::New(env_);
  jobs_.emplace(job.get(), job);
  try {
    submit([job, mailbox = mailbox_] { job->run(*mailbox); });
  } catch (...) {
    jobs_.erase(job.get());
    // The arrays would never be collected.
    delete_references(env_, *job);
    throw;
  }
  if (jobs_.size() == 1) napi_ref_threadsafe_function(env_, mailbox_->bell);
  return promise;
}

napi_value Environment::start(const std::shared_ptr<AsyncJob>& job, size_t threads) {
  return start_by(job, [threads](const auto& run) { ThreadPool::instance().submit(run, threads); });
}

napi_value Environment::start(const std::shared_ptr<AsyncJob>& job, Turns& turns) {
  return start_by(job, [&turns](const auto& run) { turns.submit(run); });
}

void Environment::deliver(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment is ending
  Environment* self = static_cast<Environment*>(context);
  std::vector<AsyncJob*> finished;
  {
    std::lock_guard lock(self->mailbox_->mutex);
    finished.swap(self->mailbox_->finished);
  }
  for (AsyncJob* job : finished) {
    settle(env, *job);
    self->jobs_.erase(job);
  }
  if (!finished.empty() && self->jobs_.empty()) napi_unref_threadsafe_function(env, self->mailbox_->bell);
}

void Environment::settle(napi_env env, AsyncJob& job) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value result = nullptr;
  if (job.result == nullptr) {
    napi_get_undefined(env, &result);
  } else {
    napi_get_reference_value(env, job.result, &result);
  }
  delete_references(env, job);
  if (job.failed() || job.cancelled()) job.release();
  if (job.failed()) {
    napi_reject_deferred(env, job.deferred, coded_error(env, "ERR_RUNTIME", "Out of memory in native work"));
  } else if (job.cancelled()) {
    napi_reject_deferred(env, job.deferred, coded_error(env, "ERR_ABORTED", "The operation was aborted"));
  } else {
    napi_resolve_deferred(env, job.deferred, result);
  }
  napi_close_handle_scope(env, scope);
}

void Environment::shut_down(void* context) {
  Environment* self = static_cast<Environment*>(context);
  for (const auto& [job, owner] : self->jobs_) job->cancel();
  for (const auto& [job, owner] : self->jobs_) job->close();
}

}  // namespace embedlane
