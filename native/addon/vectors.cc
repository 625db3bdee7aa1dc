#include "vectors.h"

#include "../kernels/dispatch.h"
#include "../pooling/pooling.h"
#include "../search/score_matrix.h"
#include "args.h"

namespace embedlane {
namespace {

// The names of POOLING_MODES, in that order.
constexpr const char* kPoolingNames[kPoolingCount] = {"cls",           "max",          "mean",
                                                      "mean_sqrt_len", "weightedmean", "lasttoken"};

unsigned pooling_modes(const Napi::CallbackInfo& info, size_t index) {
  if (!info[index].IsArray())
    throw_error(info.Env(), "ERR_INVALID_ARG", "Expected an array of pooling modes");
  const Napi::Array names = info[index].As<Napi::Array>();
  unsigned modes = 0;
  for (uint32_t i = 0; i < names.Length(); i++) {
    const Napi::Value value = names.Get(i);
    const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
    size_t m = 0;
    while (m < kPoolingCount && name != kPoolingNames[m]) m++;
    if (m == kPoolingCount || modes >> m & 1) {
      throw_error(info.Env(), "ERR_INVALID_ARG",
                  "Expected distinct pooling modes but received '" + name + "'");
    }
    modes |= 1u << m;
  }
  if (modes == 0) throw_error(info.Env(), "ERR_INVALID_ARG", "Expected at least one pooling mode");
  return modes;
}

}  // namespace

void matrix(const Napi::CallbackInfo& info) {
  const Metric kind = string(info, 0) == "jaccard" ? Metric::kJaccard : metric(info, 0);
  const auto dtype = Dtype(integer(info, 5, 0, kDtypeCount - 1));
  if (kind == Metric::kJaccard && dtype != Dtype::kB1) {
    throw_error(info.Env(), "ERR_DTYPE", "Expected bits to compare by Jaccard distance");
  }
  const Elements a = elements(info, 1, dtype);
  const Elements b = elements(info, 2, dtype);
  const size_t dims = integer(info, 3, 1, 0xffffffff);
  const Span<float> out = floats(info, 4);
  const size_t a_rows = rows_of(info.Env(), a.bytes, row_bytes(dtype, dims));
  const size_t b_rows = rows_of(info.Env(), b.bytes, row_bytes(dtype, dims));
  if (out.length != product(info.Env(), a_rows, b_rows)) {
    throw_error(info.Env(), "ERR_DIMENSION", "Expected room for every pair of rows");
  }
  try {
    ScoreMatrix scores(current_kernels(), {dtype, kind, a.data, a_rows, b.data, b_rows, dims, out.data});
    run_job(scores, integer(info, 6, 1, 0xffffffff));
  } catch (const std::bad_alloc& error) {
    throw_error(info.Env(), "ERR_RUNTIME", std::string("A matrix could not be computed: ") + error.what());
  }
}

void normalize_rows(const Napi::CallbackInfo& info) {
  const Span<float> data = floats(info, 0);
  const size_t dims = integer(info, 1, 1, 0xffffffff);
  const size_t rows = rows_of(info.Env(), data.length, dims);
  const Kernels& kernels = current_kernels();
  for (size_t r = 0; r < rows; r++) normalize_row(kernels, data.data + r * dims, dims);
}

void pool(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const unsigned modes = pooling_modes(info, 5);  // first, because elements of an array may be getters
  const Span<float> hidden = floats(info, 0);
  const Span<uint8_t> mask = bytes(info, 1);
  const size_t batch = integer(info, 2, 0, 0xffffffff);
  const size_t sequence = integer(info, 3, 0, 0xffffffff);
  const size_t dims = integer(info, 4, 1, 0xffffffff);
  const bool normalize = boolean(info, 6);
  const bool excludes = !info[7].IsNull() && !info[7].IsUndefined();
  const Span<uint32_t> exclude = excludes ? words(info, 7) : Span<uint32_t>{nullptr, batch};
  const size_t tokens = product(env, batch, sequence);
  if (mask.length != tokens || hidden.length != product(env, tokens, dims) || exclude.length != batch) {
    throw_error(env, "ERR_DIMENSION", "Expected hidden, mask and excludeLeading of matching shapes");
  }
  size_t parts = 0;
  for (size_t m = 0; m < kPoolingCount; m++) parts += modes >> m & 1;
  const Span<float> out = floats(info, 8);
  if (out.length != product(env, batch, product(env, dims, parts))) {
    throw_error(env, "ERR_DIMENSION", "Expected room for every mode of every row");
  }
  pool(current_kernels(), {hidden.data, mask.data, exclude.data, batch, sequence, dims, modes, normalize},
       out.data);
}

}  // namespace embedlane
