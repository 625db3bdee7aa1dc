#include "analytics.h"

#include <algorithm>

#include "../analytics/covariance.h"
#include "../analytics/group_sums.h"
#include "../analytics/symmetric_eigen.h"
#include "../kernels/dispatch.h"
#include "args.h"
#include "task.h"

namespace embedlane {
Napi::Value group_sums(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<float> data = floats(info, 0);
  const size_t dims = integer(info, 1, 1, 0xffffffff);
  const Span<uint32_t> groups = words(info, 2);
  const size_t group_count = integer(info, 3, 1, 0xffffffff);
  const size_t threads = integer(info, 4, 1, 0xffffffff);
  const Span<double> sums = doubles(info, 5);
  const size_t rows = rows_of(env, data.length, dims);
  if (groups.length != rows || sums.length != product(env, group_count, dims)) {
    throw_error(env, "ERR_DIMENSION", "Expected a group per row and a sum per group and column");
  }
  if (std::any_of(groups.data, groups.data + rows, [&](uint32_t group) { return group >= group_count; })) {
    throw_error(env, "ERR_INVALID_ARG", "Expected groups below the number of groups");
  }
  return start_work<GroupSums>(info, threads, current_kernels(), data.data, rows, dims, groups.data,
                               sums.data);
}

Napi::Value scatter_matrix(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<float> data = floats(info, 0);
  const size_t dims = integer(info, 1, 1, 0xffffffff);
  const Span<double> mean = doubles(info, 2);
  const size_t threads = integer(info, 3, 1, 0xffffffff);
  const Span<double> scatter = doubles(info, 4);
  const size_t rows = rows_of(env, data.length, dims);
  if (rows == 0 || mean.length != dims || scatter.length != product(env, dims, dims)) {
    throw_error(env, "ERR_DIMENSION", "Expected rows, a mean per column and room for a square matrix");
  }
  return start_work<Covariance>(info, threads, current_kernels(), data.data, rows, dims, mean.data,
                                scatter.data);
}

Napi::Value symmetric_eigen(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<double> matrix = doubles(info, 0);
  const Span<double> values = doubles(info, 1);
  const Span<double> vectors = doubles(info, 2);
  const size_t n = values.length;
  if (n == 0 || matrix.length != product(env, n, n) || vectors.length % n != 0 ||
      vectors.length > matrix.length) {
    throw_error(env, "ERR_DIMENSION", "Expected a square matrix, a value per row and room for whole vectors");
  }
  return start_work<SymmetricEigen>(info, 1, current_kernels(), matrix.data, n, vectors.length / n,
                                    values.data, vectors.data);
}

}  // namespace embedlane
