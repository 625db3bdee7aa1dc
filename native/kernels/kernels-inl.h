// The kernels' common text, compiled once per instruction set by the file that includes it. Everything here
// has internal linkage and nothing comes from the standard library's templates: an inline function that two
// instruction sets share could be merged by the linker into its widest copy and kill an older CPU.
//
// The including file defines, in an unnamed namespace, `struct V` with
//   D, kD       vector of kD doubles: zero, widen (kD floats), widen_f16, widen_bf16, add, sub, mul, fma,
//   abs,
//               sum (by halving)
//   F, kF       vector of kF floats: zero, load, set, store, add, mul, fma, passes (bit per lane, see tiles)
//   transpose   a kF × kF block
//   prefetch    a hint; any address will do
//   kRows       rows that the kernels for rows take at a time
//   kStep, kTiles, kPanel   tile shape: kTiles multiples of kStep queries × kPanel vectors of rows
// and `struct I`, see exact-rows-inl.h.
#include "float-rows-inl.h"

#include "exact-rows-inl.h"
#include "kernels.h"

namespace embedlane {
namespace {

// Plain loops: each output element stands alone, so the compiler's vectorisation cannot change a bit.
void accumulate(const float* x, double weight, size_t n, double* sums) {
  for (size_t i = 0; i < n; i++) sums[i] += weight * double(x[i]);
}

void maximum(const float* x, size_t n, float* best) {
  for (size_t i = 0; i < n; i++) best[i] = (x[i] > best[i]) | (x[i] != x[i]) ? x[i] : best[i];
}

void divide(const double* sums, double divisor, size_t n, float* out) {
  for (size_t i = 0; i < n; i++) out[i] = float(sums[i] / divisor);
}

void scale(double factor, size_t n, float* x) {
  for (size_t i = 0; i < n; i++) x[i] = float(double(x[i]) * factor);
}

constexpr int kPanelRows = V::kPanel * V::kF;

float filter_square(const float* row, size_t dims) {
  V::F sums[4] = {V::zero(), V::zero(), V::zero(), V::zero()};
  size_t i = 0;
  for (; i + 4 * V::kF <= dims; i += 4 * V::kF) {
    EMBEDLANE_UNROLL
    for (int j = 0; j < 4; j++) {
      const V::F x = V::load(row + i + j * V::kF);
      sums[j] = V::fma(x, x, sums[j]);
    }
  }
  float lanes[V::kF];
  V::store(lanes, V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
  for (; i < dims; i++) lanes[i % V::kF] += row[i] * row[i];
  for (int width = V::kF / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; j++) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

void pack_rows(const float* rows, size_t count, size_t dims, float* panel, float* squares) {
  for (size_t first = 0; first < kPanelRows; first += V::kF) {
    const float* block = rows + first * dims;
    size_t i = 0;
    if (first + V::kF <= count) {
      for (; i + V::kF <= dims; i += V::kF) {
        // The next kF rows, in address order (see `canonical`).
        EMBEDLANE_UNROLL
        for (int j = 0; j < V::kF * V::kF; j += 64 / sizeof(float)) {
          V::prefetch(block + V::kF * (dims + i) + j);
        }
        V::transpose(block + i, dims, panel + i * kPanelRows + first, kPanelRows);
      }
    }
    for (; i < dims; i++) {
      for (size_t r = 0; r < V::kF; r++) {
        panel[i * kPanelRows + first + r] = first + r < count ? block[r * dims + i] : 0.0f;
      }
    }
  }
  for (size_t r = 0; r < kPanelRows; r++)
    squares[r] = r < count ? filter_square(rows + r * dims, dims) : 0.0f;
}

template <int kQueries>
bool tile(const TileInput& in, uint64_t* masks) {
  V::F sums[kQueries][V::kPanel];
  float totals[kQueries * kPanelRows];
  const float* q = in.queries;
  const float* x = in.panel;
  for (size_t start = 0;;) {
    EMBEDLANE_UNROLL
    for (int i = 0; i < kQueries; i++) {
      EMBEDLANE_UNROLL
      for (int j = 0; j < V::kPanel; j++) sums[i][j] = V::zero();
    }
    const size_t left = in.dims - start;
    const size_t depth = left < kFilterDepth ? left : kFilterDepth;
    for (size_t p = 0; p < depth; p++) {
      V::F values[V::kPanel];
      EMBEDLANE_UNROLL
      for (int j = 0; j < V::kPanel; j++) values[j] = V::load(x + j * V::kF);
      EMBEDLANE_UNROLL
      for (int i = 0; i < kQueries; i++) {
        const V::F query = V::set(q[i]);
        EMBEDLANE_UNROLL
        for (int j = 0; j < V::kPanel; j++) sums[i][j] = V::fma(query, values[j], sums[i][j]);
      }
      q += kQueries;
      x += kPanelRows;
    }
    const bool first = start == 0;
    start += depth;
    const bool last = start >= in.dims;
    if (first && last) break;
    EMBEDLANE_UNROLL
    for (int i = 0; i < kQueries; i++) {
      EMBEDLANE_UNROLL
      for (int j = 0; j < V::kPanel; j++) {
        float* total = totals + i * kPanelRows + j * V::kF;
        if (!first) sums[i][j] = V::add(V::load(total), sums[i][j]);
        V::store(total, sums[i][j]);
      }
    }
    if (last) break;
  }
  uint64_t any = 0;
  EMBEDLANE_UNROLL
  for (int i = 0; i < kQueries; i++) {
    uint64_t mask = 0;
    EMBEDLANE_UNROLL
    for (int j = 0; j < V::kPanel; j++) {
      const V::F norms = V::load(in.norms + j * V::kF);
      const V::F threshold =
          V::add(V::fma(V::set(in.slope[i]), norms, V::set(in.base[i])), V::load(in.offsets + j * V::kF));
      mask |= uint64_t(V::passes(sums[i][j], threshold)) << (j * V::kF);
    }
    masks[i] = mask;
    any |= mask;
  }
  return any != 0;
}

constexpr Kernels kKernels = {
    {kFloatRows<F32>, kFloatRows<F16>, kFloatRows<Bf16>, kExactRows<I8>, kExactRows<U8>, kExactRows<B1>},
    accumulate,
    maximum,
    divide,
    scale,
    pack_rows,
    {tile<V::kStep>, tile<V::kTiles >= 2 ? 2 * V::kStep : V::kStep>,
     tile<V::kTiles >= 3 ? 3 * V::kStep : V::kStep>, tile<V::kTiles >= 4 ? 4 * V::kStep : V::kStep>},
    V::kStep,
    V::kTiles* V::kStep,
    kPanelRows,
};

}  // namespace
}  // namespace embedlane
