#pragma once

#include <cstddef>
#include <cstdint>

#include "../kernels/dispatch.h"

namespace embedlane {

// Turns rows of floats into rows of a store's dtype and back. kI8 codes are the row's values divided by its
// own scale (its largest size / 127); kB1 has the signs, 1 for values above 0. Rows are padded with zeros.
class RowCodec {
 public:
  RowCodec(Dtype dtype, size_t dims);

  Dtype dtype() const { return dtype_; }
  size_t dims() const { return dims_; }
  size_t stride() const { return stride_; }
  bool has_scales() const { return dtype_ == Dtype::kI8; }

  // The first row with a value that the dtype cannot hold (NaN, infinite, or beyond its range), or -1.
  ptrdiff_t first_unfit(const float* rows, size_t count) const;
  // `scale` is written where the dtype has scales.
  void encode(const Kernels& kernels, const float* row, uint8_t* out, float* scale) const;
  void decode(const Kernels& kernels, const uint8_t* row, float scale, float* out) const;

 private:
  Dtype dtype_;
  size_t dims_;
  size_t used_;  // bytes of a row without padding
  size_t stride_;
};

}  // namespace embedlane
