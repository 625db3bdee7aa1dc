#include "symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace embedlane {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// What is this far below the largest element, which is about 1, is nothing.
constexpr double kNothing = kEpsilon * kEpsilon;
// EISPACK's bound for one eigenvalue; two are usual.
constexpr int kMaxSweeps = 30;
// Doubles of collected rotations: half a megabyte, which each slice reads.
constexpr size_t kMaxTurns = size_t(1) << 16;
// Vectors that a reflection meets while it is in the nearest cache.
constexpr size_t kGroup = 4;

constexpr size_t kSlice = SymmetricKernels::kSlice;

}  // namespace

SymmetricEigen::SymmetricEigen(const Kernels& kernels, double* matrix, size_t n, size_t count, double* values,
                               double* vectors)
    : kernels_(kernels.symmetric),
      matrix_(matrix),
      n_(n),
      count_(count),
      values_(values),
      vectors_(vectors) {}

void SymmetricEigen::work(const std::atomic<bool>& cancelled) {
  if (taken_.exchange(true)) return;
  cancelled_ = &cancelled;
  diagonal_.resize(n_);
  beside_.resize(n_);
  betas_.resize(n_);
  if (decompose()) {
    write();
  } else {
    std::fill_n(values_, n_, std::numeric_limits<double>::quiet_NaN());
  }
}

bool SymmetricEigen::decompose() {
  if (!scale()) return false;
  reduce();
  return diagonalize();
}

// To a largest element between 1 and 2, so that no square overflows or vanishes. Whether all are finite.
bool SymmetricEigen::scale() {
  double largest = 0, zeros = 0;
  for (size_t i = 0; i < n_ * n_; i++) {
    largest = std::max(largest, std::fabs(matrix_[i]));
    zeros += matrix_[i] * 0;
  }
  if (zeros != 0) return false;
  if (largest == 0) return true;
  int exponent;
  std::frexp(largest, &exponent);
  scale_ = std::ldexp(1.0, exponent - 1);
  for (size_t i = 0; i < n_ * n_; i++) matrix_[i] /= scale_;
  return true;
}

// Reflections from the last row up. The matrix is behind by one reflection: its change, - v wᵀ - w vᵀ, is
// made in the pass that multiplies the matrix by the next reflection's vector.
void SymmetricEigen::reduce() {
  const std::vector<double> zeros(n_);
  std::vector<double> v(n_), w(n_), products(n_);
  for (size_t i = n_; i-- > 0 && !stopped();) {
    double* const x = row(i);
    kernels_.update_and_dot(x, v[i], w.data(), w[i], v.data(), zeros.data(), i + 1);
    diagonal_[i] = x[i];
    if (i == 0) break;
    reflection(x, i, i);
    for (size_t r = 0; r < i; r++) {
      products[r] = kernels_.update_and_dot(row(r), v[r], w.data(), w[r], v.data(), x, i);
    }
    const double beta = betas_[i];
    double product = 0;
    for (size_t r = 0; r < i; r++) product += x[r] * products[r];
    for (size_t r = 0; r < i; r++) {
      v[r] = x[r];
      w[r] = beta * (products[r] - beta * product / 2 * x[r]);
    }
  }
}

// Makes of `x` the vector v for which x - beta * v * (v·x) has nothing but its last element, which goes
// beside the diagonal.
void SymmetricEigen::reflection(double* x, size_t n, size_t i) {
  double others = 0;
  for (size_t r = 0; r + 1 < n; r++) others += x[r] * x[r];
  const double last = x[n - 1];
  if (others < kNothing * kNothing) {
    beside_[i - 1] = last;
    std::fill_n(x, n, 0.0);
    return;
  }
  const double length = std::sqrt(others + last * last);
  beside_[i - 1] = last > 0 ? -length : length;
  x[n - 1] = last - beside_[i - 1];
  betas_[i] = 2 / (others + x[n - 1] * x[n - 1]);
}

// Whether it converges.
bool SymmetricEigen::diagonalize() {
  slices_.assign((n_ + kSlice - 1) / kSlice * kSlice * n_, 0);
  for (size_t i = 0; i < n_; i++) slices_[(i / kSlice * n_ + i) * kSlice + i % kSlice] = 1;
  double norm = 0;
  for (size_t i = 0; i < n_; i++) norm = std::max(norm, std::fabs(diagonal_[i]) + std::fabs(beside_[i]));
  // Of the whole matrix and not of their neighbours: what rounding leaves of a matrix of low rank would be
  // chased for ever.
  negligible_ = kEpsilon * norm;
  for (size_t first = 0; first < n_ && !stopped(); first++) {
    int sweeps = 0;
    for (size_t last = block_end(first); last != first; last = block_end(first)) {
      if (++sweeps > kMaxSweeps) return false;
      sweep(first, last);
      if (turns_.size() >= kMaxTurns) apply_sweeps();
    }
  }
  apply_sweeps();
  return true;
}

// The end of the block from `first` on whose elements beside the diagonal count.
size_t SymmetricEigen::block_end(size_t first) const {
  size_t i = first;
  while (i + 1 < n_ && std::fabs(beside_[i]) > negligible_) i++;
  return i;
}

// One step of the implicit QL algorithm, with Wilkinson's shift.
void SymmetricEigen::sweep(size_t first, size_t last) {
  std::vector<double>& d = diagonal_;
  std::vector<double>& e = beside_;
  double g = (d[first + 1] - d[first]) / (2 * e[first]);
  g = d[last] - d[first] + e[first] / (g + std::copysign(std::sqrt(g * g + 1), g));
  double c = 1, s = 1, shift = 0;
  size_t i = last;
  while (i > first) {
    const double f = s * e[i - 1], b = c * e[i - 1];
    const double r = std::sqrt(f * f + g * g);
    e[i] = r;
    if (r == 0) break;
    s = f / r;
    c = g / r;
    turns_.insert(turns_.end(), {c, s});
    g = d[i] - shift;
    const double t = (d[i - 1] - g) * s + 2 * c * b;
    shift = s * t;
    d[i] = g + shift;
    g = c * t - b;
    i--;
  }
  if (i == first) e[first] = g;
  d[i] -= shift;
  e[last] = 0;
  if (i < last) sweeps_.push_back({nullptr, i, last - i});
}

void SymmetricEigen::apply_sweeps() {
  const double* turns = turns_.data();
  for (Sweep& sweep : sweeps_) {
    sweep.turns = turns;
    turns += 2 * sweep.count;
  }
  const auto within = [](const Sweep& inner, const Sweep& outer) {
    return inner.first >= outer.first && inner.first + inner.count <= outer.first + outer.count;
  };
  for (size_t slice = 0; slice < slices_.size() && !stopped(); slice += n_ * kSlice) {
    for (size_t i = 0; i < sweeps_.size(); i++) {
      if (i + 1 < sweeps_.size() && within(sweeps_[i + 1], sweeps_[i])) {
        kernels_.rotate_twice(slices_.data() + slice, sweeps_[i], sweeps_[i + 1]);
        i++;
      } else {
        kernels_.rotate(slices_.data() + slice, sweeps_[i]);
      }
    }
  }
  turns_.clear();
  sweeps_.clear();
}

// Values by size, and the tridiagonal matrix's vectors led back through the reflections.
void SymmetricEigen::write() {
  std::vector<size_t> order(n_);
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return diagonal_[a] > diagonal_[b]; });
  for (size_t i = 0; i < n_; i++) values_[i] = diagonal_[order[i]] * scale_;
  for (size_t first = 0; first < count_ && !stopped(); first += kGroup) {
    const size_t end = std::min(first + kGroup, count_);
    for (size_t c = first; c < end; c++) {
      double* const vector = vectors_ + c * n_;
      for (size_t j = 0; j < n_; j++) vector[j] = slices_[(j / kSlice * n_ + order[c]) * kSlice + j % kSlice];
    }
    for (size_t i = 2; i < n_; i++) {
      for (size_t c = first; c < end; c++) kernels_.reflect(vectors_ + c * n_, row(i), betas_[i], i);
    }
  }
}

}  // namespace embedlane
