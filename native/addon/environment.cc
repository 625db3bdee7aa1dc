#include "environment.h"

#include <new>

#include "../kernels/dispatch.h"

namespace embedlane {
namespace {

SearchInput with_queries(SearchInput input, const float* queries) {
  input.queries = queries;
  return input;
}

// Node-API calls below may fail with napi_cannot_run_js or napi_pending_exception while a worker is being
// terminated. There is nobody left to tell then, so their status is not looked at.
napi_value coded_error(napi_env env, const char* code, const char* message) {
  napi_value text, error = nullptr, code_value;
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value);
  napi_create_error(env, code_value, text, &error);
  return error;
}

}  // namespace

AsyncSearch::AsyncSearch(const SearchInput& input, bool copy, uint32_t* indices, float* scores)
    : copied_queries_(input.queries, input.queries + (copy ? input.query_count * input.dims : 0)),
      search_(copy ? with_queries(input, copied_queries_.data()) : input, current_kernels()),
      indices_(indices),
      scores_(scores) {}

void AsyncSearch::run(Mailbox& mailbox) {
  if (!gate_.enter()) return;
  try {
    search_.work();
  } catch (const std::bad_alloc&) {
    failed_ = true;
    search_.cancel();
  }
  if (gate_.leave_unless_last()) return;
  if (!search_.cancelled()) search_.finish(indices_, scores_);
  {
    std::lock_guard lock(mailbox.mutex);
    mailbox.finished.push_back(this);
    napi_call_threadsafe_function(mailbox.bell, nullptr, napi_tsfn_nonblocking);
  }
  gate_.leave();
}

Environment::Environment(Napi::Env env) : env_(env) {
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

void Environment::start(const std::shared_ptr<AsyncSearch>& search, size_t threads) {
  searches_.emplace(search.get(), search);
  try {
    ThreadPool::instance().submit([search, mailbox = mailbox_] { search->run(*mailbox); }, threads);
  } catch (...) {
    searches_.erase(search.get());
    throw;
  }
  if (searches_.size() == 1) napi_ref_threadsafe_function(env_, mailbox_->bell);
}

void Environment::deliver(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment is ending
  Environment* self = static_cast<Environment*>(context);
  std::vector<AsyncSearch*> finished;
  {
    std::lock_guard lock(self->mailbox_->mutex);
    finished.swap(self->mailbox_->finished);
  }
  for (AsyncSearch* search : finished) {
    settle(env, *search);
    self->searches_.erase(search);
  }
  if (!finished.empty() && self->searches_.empty()) napi_unref_threadsafe_function(env, self->mailbox_->bell);
}

void Environment::settle(napi_env env, AsyncSearch& search) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value result = nullptr;
  napi_get_reference_value(env, search.result, &result);
  for (const napi_ref reference : {search.result, search.corpus, search.queries}) {
    if (reference != nullptr) napi_delete_reference(env, reference);
  }
  if (search.failed()) {
    napi_reject_deferred(env, search.deferred, coded_error(env, "ERR_RUNTIME", "Out of memory in a search"));
  } else if (search.cancelled()) {
    napi_reject_deferred(env, search.deferred, coded_error(env, "ERR_ABORTED", "The operation was aborted"));
  } else {
    napi_resolve_deferred(env, search.deferred, result);
  }
  napi_close_handle_scope(env, scope);
}

void Environment::shut_down(void* context) {
  Environment* self = static_cast<Environment*>(context);
  for (const auto& [search, owner] : self->searches_) search->cancel();
  for (const auto& [search, owner] : self->searches_) search->close();
}

}  // namespace embedlane
