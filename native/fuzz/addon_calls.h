#pragma once

#include "call_arguments.h"

namespace embedlane::fuzz {

// A function of the addon and how to make right arguments for it.
struct AddonFunction {
  const char* name;
  std::vector<napi_value> (*arguments)(CallArguments& make);
};

// All that take no class or external. Not among them: measureLimits, which takes seconds; lockFile, which
// makes files; endWithParent, which sets up the process.
const std::vector<AddonFunction>& addon_functions();

}  // namespace embedlane::fuzz
