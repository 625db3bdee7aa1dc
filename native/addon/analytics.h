#pragma once

#include <napi.h>

namespace embedlane {

// groupSums(data, dims, groups, groupCount, threads, sums) → task
Napi::Value group_sums(const Napi::CallbackInfo& info);
// scatterMatrix(data, dims, mean, threads, scatter) → task
Napi::Value scatter_matrix(const Napi::CallbackInfo& info);
// symmetricEigen(matrix, values, vectors) → task
Napi::Value symmetric_eigen(const Napi::CallbackInfo& info);

}  // namespace embedlane
