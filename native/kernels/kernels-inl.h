// The kernels' common text, compiled once per instruction set by the file that includes it. Everything here
// has internal linkage and nothing comes from the standard library's templates: an inline function that two
// instruction sets share could be merged by the linker into its widest copy and kill an older CPU.
//
// The including file defines, in an unnamed namespace, `struct V` with
//   D, kD       vector of kD doubles: zero, widen (kD floats), widen_f16, widen_bf16, add, sub, mul, fma,
//               abs, sum (by halving)
//   prefetch    a hint; any address will do; prefetch_far: into the second-level cache
//   kRows       rows that the kernels for rows take at a time
// and `struct I`, see exact-rows-inl.h, and `struct H`, see convert-inl.h.
#include "float-rows-inl.h"

#include "convert-inl.h"
#include "exact-rows-inl.h"
#include "kernels.h"
#include "symmetric-inl.h"
#include "wide-inl.h"

namespace embedlane {
namespace {

// Plain loops: each output element stands alone, so the compiler's vectorisation cannot change a bit.
void accumulate(const float* x, double weight, size_t n, double* sums) {
  for (size_t i = 0; i < n; i++) sums[i] += weight * double(x[i]);
}

void maximum(const float* x, size_t n, float* best) {
  for (size_t i = 0; i < n; i++) best[i] = ((x[i] > best[i]) | (x[i] != x[i])) ? x[i] : best[i];
}

void divide(const double* sums, double divisor, size_t n, float* out) {
  for (size_t i = 0; i < n; i++) out[i] = float(sums[i] / divisor);
}

void scale(double factor, size_t n, float* x) {
  for (size_t i = 0; i < n; i++) x[i] = float(double(x[i]) * factor);
}

[[maybe_unused]] constexpr Kernels kKernels = {
    {kFloatRows<F32>, kFloatRows<F16>, kFloatRows<Bf16>, kExactRows<I8>, kExactRows<U8>, kExactRows<B1>},
    kConversions,
    kWide,
    kSymmetric,
    accumulate,
    maximum,
    divide,
    scale,
};

// Another level's kernels, but these for integers and bits: for a level that has nothing else of its own.
[[maybe_unused]] EMBEDLANE_INLINE Kernels with_integers_of(const Kernels& others) {
  Kernels kernels = others;
  kernels.rows[size_t(Dtype::kI8)] = kExactRows<I8>;
  kernels.rows[size_t(Dtype::kU8)] = kExactRows<U8>;
  kernels.rows[size_t(Dtype::kB1)] = kExactRows<B1>;
  return kernels;
}

}  // namespace
}  // namespace embedlane
