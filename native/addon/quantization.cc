#include "quantization.h"

#include "../kernels/dispatch.h"
#include "../quantization/quantization.h"
#include "args.h"

namespace embedlane {
namespace {

constexpr double kMaxDims = 0xffffffff;

struct Rows {
  const float* data;
  size_t rows;
  size_t dims;
};

// Arguments 0 and 1: floats, dims.
Rows float_rows(const Napi::CallbackInfo& info) {
  const Span<float> data = floats(info, 0);
  const size_t dims = integer(info, 1, 1, kMaxDims);
  return {data.data, rows_of(info.Env(), data.length, dims), dims};
}

void require_room(const Napi::CallbackInfo& info, size_t length, size_t expected) {
  if (length != expected) throw_error(info.Env(), "ERR_DIMENSION", "Expected room for every value");
}

const float* ranges_argument(const Napi::CallbackInfo& info, size_t index, size_t dims) {
  const Span<float> ranges = floats(info, index);
  require_room(info, ranges.length, product(info.Env(), 2, dims));
  return ranges.data;
}

// Bytes as they are, or shifted by 128 so that they are signed.
struct Codes {
  uint8_t* data;
  size_t length;
  uint8_t flip;
};

Codes codes_argument(const Napi::CallbackInfo& info, size_t index) {
  if (is_typed_array(info, index, napi_int8_array)) {
    const Span<int8_t> codes = signed_bytes(info, index);
    return {reinterpret_cast<uint8_t*>(codes.data), codes.length, 0x80};
  }
  const Span<uint8_t> codes = bytes(info, index);
  return {codes.data, codes.length, 0};
}

size_t bit_bytes(Napi::Env env, size_t rows, size_t dims) {
  return product(env, rows, row_bytes(Dtype::kB1, dims));
}

Napi::Value row_number(const Napi::CallbackInfo& info, ptrdiff_t row) {
  return Napi::Number::New(info.Env(), double(row));
}

bool is_bfloat(const Napi::CallbackInfo& info, size_t index) {
  const std::string dtype = string(info, index);
  if (dtype == "bf16") return true;
  if (dtype == "f16") return false;
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected 'f16' or 'bf16' but received '" + dtype + "'");
}

}  // namespace

void to_half(const Napi::CallbackInfo& info) {
  const bool bfloat = is_bfloat(info, 0);
  const Span<float> data = floats(info, 1);
  const Span<uint16_t> out = halves(info, 2);
  require_room(info, out.length, data.length);
  const Conversions& kernels = current_kernels().conversions;
  (bfloat ? kernels.to_bf16 : kernels.to_f16)(data.data, data.length, out.data);
}

void from_half(const Napi::CallbackInfo& info) {
  const bool bfloat = is_bfloat(info, 0);
  const Span<uint16_t> data = halves(info, 1);
  const Span<float> out = floats(info, 2);
  require_room(info, out.length, data.length);
  const Conversions& kernels = current_kernels().conversions;
  (bfloat ? kernels.from_bf16 : kernels.from_f16)(data.data, data.length, out.data);
}

Napi::Value find_ranges(const Napi::CallbackInfo& info) {
  const Rows in = float_rows(info);
  const Span<float> ranges = floats(info, 2);
  require_room(info, ranges.length, product(info.Env(), 2, in.dims));
  return row_number(info, find_ranges(current_kernels(), in.data, in.rows, in.dims, ranges.data));
}

Napi::Value quantize_ranges(const Napi::CallbackInfo& info) {
  const Rows in = float_rows(info);
  const float* ranges = ranges_argument(info, 2, in.dims);
  const Codes out = codes_argument(info, 3);
  require_room(info, out.length, in.rows * in.dims);
  return row_number(
      info, quantize_ranges(current_kernels(), in.data, in.rows, in.dims, ranges, out.flip, out.data));
}

void dequantize_ranges(const Napi::CallbackInfo& info) {
  const Codes in = codes_argument(info, 0);
  const size_t dims = integer(info, 1, 1, kMaxDims);
  const size_t rows = rows_of(info.Env(), in.length, dims);
  const float* ranges = ranges_argument(info, 2, dims);
  const Span<float> out = floats(info, 3);
  require_room(info, out.length, in.length);
  dequantize_ranges(current_kernels(), in.data, rows, dims, ranges, in.flip, out.data);
}

Napi::Value quantize_scaled(const Napi::CallbackInfo& info) {
  const Rows in = float_rows(info);
  const Span<int8_t> out = signed_bytes(info, 2);
  const Span<float> scales = floats(info, 3);
  require_room(info, out.length, in.rows * in.dims);
  require_room(info, scales.length, in.rows);
  return row_number(
      info, quantize_scaled_rows(current_kernels(), in.data, in.rows, in.dims, out.data, scales.data));
}

void dequantize_scaled(const Napi::CallbackInfo& info) {
  const Span<int8_t> in = signed_bytes(info, 0);
  const size_t dims = integer(info, 1, 1, kMaxDims);
  const size_t rows = rows_of(info.Env(), in.length, dims);
  const Span<float> scales = floats(info, 2);
  const Span<float> out = floats(info, 3);
  require_room(info, scales.length, rows);
  require_room(info, out.length, in.length);
  dequantize_scaled_rows(current_kernels(), in.data, scales.data, rows, dims, out.data);
}

Napi::Value pack_bits(const Napi::CallbackInfo& info) {
  const Rows in = float_rows(info);
  const Codes out = codes_argument(info, 2);
  require_room(info, out.length, bit_bytes(info.Env(), in.rows, in.dims));
  return row_number(info, pack_bit_rows(current_kernels(), in.data, in.rows, in.dims, out.flip, out.data));
}

void unpack_bits(const Napi::CallbackInfo& info) {
  const Codes in = codes_argument(info, 0);
  const size_t dims = integer(info, 1, 1, kMaxDims);
  const Span<float> out = floats(info, 2);
  const size_t rows = rows_of(info.Env(), out.length, dims);
  require_room(info, in.length, bit_bytes(info.Env(), rows, dims));
  unpack_bit_rows(current_kernels(), in.data, rows, dims, in.flip, out.data);
}

}  // namespace embedlane
