#include "row_codec.h"

#include <bit>
#include <cstring>
#include <limits>

#include "../quantization/quantization.h"

namespace embedlane {
namespace {

// Whole cache lines, for aligned loads; bits are read by words, and padding them so would cost a third of the
// bandwidth at 384 dimensions.
size_t padded(Dtype dtype, size_t bytes) {
  const size_t step = dtype == Dtype::kB1 ? 8 : 64;
  return (bytes + step - 1) / step * step;
}

// Values of this size and above become infinite.
float limit_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF16:
      return 65520;
    case Dtype::kBf16:
      return std::bit_cast<float>(0x7f7f8000u);
    default:
      return std::numeric_limits<float>::infinity();
  }
}

}  // namespace

RowCodec::RowCodec(Dtype dtype, size_t dims)
    : dtype_(dtype), dims_(dims), used_(row_bytes(dtype, dims)), stride_(padded(dtype, used_)) {}

ptrdiff_t RowCodec::first_unfit(const float* rows, size_t count) const {
  const auto largest_size = current_kernels().conversions.largest_size;
  const float limit = limit_of(dtype_);
  for (size_t i = 0; i < count; i++) {
    if (!(largest_size(rows + i * dims_, dims_) < limit)) return ptrdiff_t(i);
  }
  return -1;
}

void RowCodec::encode(const Kernels& kernels, const float* row, uint8_t* out, float* scale) const {
  switch (dtype_) {
    case Dtype::kF16:
      kernels.conversions.to_f16(row, dims_, reinterpret_cast<uint16_t*>(out));
      break;
    case Dtype::kBf16:
      kernels.conversions.to_bf16(row, dims_, reinterpret_cast<uint16_t*>(out));
      break;
    case Dtype::kI8:
      *scale = quantize_scaled(kernels, row, dims_, reinterpret_cast<int8_t*>(out));
      break;
    case Dtype::kB1:
      kernels.conversions.pack_bits(row, dims_, 0, out);
      break;
    default:
      std::memcpy(out, row, used_);
  }
  std::memset(out + used_, 0, stride_ - used_);
}

void RowCodec::decode(const Kernels& kernels, const uint8_t* row, float scale, float* out) const {
  switch (dtype_) {
    case Dtype::kF16:
      kernels.conversions.from_f16(reinterpret_cast<const uint16_t*>(row), dims_, out);
      return;
    case Dtype::kBf16:
      kernels.conversions.from_bf16(reinterpret_cast<const uint16_t*>(row), dims_, out);
      return;
    case Dtype::kI8:
      kernels.conversions.from_scaled(reinterpret_cast<const int8_t*>(row), scale, dims_, out);
      return;
    case Dtype::kB1:
      kernels.conversions.unpack_bits(row, dims_, 0, out);
      return;
    default:
      std::memcpy(out, row, used_);
  }
}

}  // namespace embedlane
