#include "lifetime.h"

#ifdef __linux__
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>
#endif

namespace embedlane {

#ifdef __linux__
namespace {

// Nothing else uses the last real-time signal.
int parent_gone() { return SIGRTMAX; }

// With what this process started, if it leads a group of its own. Async-signal-safe.
void end_group(int) { kill(getpgrp() == getpid() ? 0 : getpid(), SIGKILL); }

}  // namespace
#endif

Napi::Value end_with_parent(const Napi::CallbackInfo& info) {
#ifdef __linux__
  // The parent is the thread that made this process: a worker thread that ends takes its children along. If
  // it has ended already no signal comes; its channel is closed then.
  struct sigaction action = {};
  action.sa_handler = end_group;
  const bool armed =
      sigaction(parent_gone(), &action, nullptr) == 0 && prctl(PR_SET_PDEATHSIG, parent_gone()) == 0;
#else
  const bool armed = false;
#endif
  return Napi::Boolean::New(info.Env(), armed);
}

}  // namespace embedlane
