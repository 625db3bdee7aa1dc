#include "environment.h"

#include <cstring>
#include <new>

#include "../kernels/dispatch.h"

namespace embedlane {
namespace {

SearchInput with_queries(SearchInput input, const std::vector<float>& copy) {
  if (!copy.empty()) input.queries = copy.data();
  return input;
}

// Node-API calls below may fail with napi_cannot_run_js or napi_pending_exception while a worker is being
// terminated. There is nobody left to tell then, so their status is not looked at; values stay undefined.
napi_value typed_array(napi_env env, napi_typedarray_type type, const void* data, size_t count) {
  void* memory = nullptr;
  napi_value buffer = nullptr, array = nullptr;
  if (napi_create_arraybuffer(env, count * 4, &memory, &buffer) != napi_ok) return nullptr;
  if (count > 0) std::memcpy(memory, data, count * 4);
  napi_create_typedarray(env, type, count, buffer, 0, &array);
  return array;
}

napi_value coded_error(napi_env env, const char* code, const char* message) {
  napi_value text, error = nullptr, code_value;
  napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text);
  napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value);
  napi_create_error(env, code_value, text, &error);
  return error;
}

}  // namespace

AsyncSearch::AsyncSearch(const SearchInput& input, std::vector<float> queries)
    : copied_queries_(std::move(queries)), search_(with_queries(input, copied_queries_), current_kernels()) {
  indices.resize(input.query_count * input.k);
  scores.resize(input.query_count * input.k);
}

bool AsyncSearch::run() {
  if (!gate_.enter()) return false;
  try {
    search_.work();
  } catch (const std::bad_alloc&) {
    search_.cancel();
    failed = true;
  }
  if (!gate_.leave()) return false;
  if (!search_.cancelled()) search_.finish(indices.data(), scores.data());
  return true;
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
  const std::shared_ptr<Mailbox> mailbox = mailbox_;
  searches_.insert(search);
  {
    std::lock_guard lock(mailbox->mutex);
    mailbox->under_way++;
  }
  try {
    ThreadPool::instance().submit(
        [search, mailbox] {
          if (!search->run()) return;
          std::lock_guard lock(mailbox->mutex);
          mailbox->finished.push_back(search);
          napi_call_threadsafe_function(mailbox->bell, nullptr, napi_tsfn_nonblocking);
          mailbox->under_way--;
          mailbox->quiet.notify_all();
        },
        threads);
  } catch (...) {
    std::lock_guard lock(mailbox->mutex);
    mailbox->under_way--;
    searches_.erase(search);
    throw;
  }
  if (searches_.size() == 1) napi_ref_threadsafe_function(env_, mailbox->bell);
}

void Environment::deliver(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;  // the environment is ending
  Environment* self = static_cast<Environment*>(context);
  std::vector<std::shared_ptr<AsyncSearch>> finished;
  {
    std::lock_guard lock(self->mailbox_->mutex);
    finished.swap(self->mailbox_->finished);
  }
  for (const auto& search : finished) {
    settle(env, *search);
    self->searches_.erase(search);
  }
  if (!finished.empty() && self->searches_.empty()) napi_unref_threadsafe_function(env, self->mailbox_->bell);
}

void Environment::settle(napi_env env, AsyncSearch& search) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  for (const napi_ref reference : search.kept) napi_delete_reference(env, reference);
  if (search.failed) {
    napi_reject_deferred(env, search.deferred, coded_error(env, "ERR_RUNTIME", "Out of memory in a search"));
  } else if (search.cancelled()) {
    napi_reject_deferred(env, search.deferred, coded_error(env, "ERR_ABORTED", "The operation was aborted"));
  } else {
    napi_value result = nullptr;
    const size_t count = search.indices.size();
    const napi_value indices = typed_array(env, napi_uint32_array, search.indices.data(), count);
    const napi_value scores = typed_array(env, napi_float32_array, search.scores.data(), count);
    if (indices != nullptr && scores != nullptr && napi_create_object(env, &result) == napi_ok) {
      napi_set_named_property(env, result, "indices", indices);
      napi_set_named_property(env, result, "scores", scores);
      napi_resolve_deferred(env, search.deferred, result);
    } else {
      napi_reject_deferred(env, search.deferred,
                           coded_error(env, "ERR_RUNTIME", "Out of memory for results"));
    }
  }
  napi_close_handle_scope(env, scope);
}

void Environment::shut_down(void* context) {
  Environment* self = static_cast<Environment*>(context);
  for (const auto& search : self->searches_) search->cancel();
  std::unique_lock lock(self->mailbox_->mutex);
  self->mailbox_->quiet.wait(lock, [self] { return self->mailbox_->under_way == 0; });
}

}  // namespace embedlane
