#include "lifetime.h"

#ifdef __linux__
#include <signal.h>
#include <sys/prctl.h>
#endif

namespace embedlane {

Napi::Value end_with_parent(const Napi::CallbackInfo& info) {
#ifdef __linux__
  // The parent is the thread that made this process: a worker thread that ends takes its children along. If
  // it has ended already no signal comes; its channel is closed then.
  const bool armed = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
#else
  const bool armed = false;
#endif
  return Napi::Boolean::New(info.Env(), armed);
}

}  // namespace embedlane
