#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "../kernels/kernels.h"

namespace embedlane {

// Eigenvalues and eigenvectors of a symmetric matrix, in float64, to within rounding of its largest element:
// Householder's reduction to a tridiagonal matrix, the implicit QL algorithm, and the way back (Golub and Van
// Loan, "Matrix Computations", sections 8.3.1 and 8.3.3; EISPACK's tred2 and imtql2).
//
// Where LAPACK and EISPACK update the matrix and then multiply it by the next reflection's vector, this does
// both in one pass over each row. QL's rotations are collected and then applied to slices of the vectors that
// stay in the nearest caches (Van Zee, van de Geijn, Quintana-Ortí, "Restructuring the tridiagonal and
// bidiagonal QR algorithms for performance", 2014). The same bits on every level; one thread.
class SymmetricEigen {
 public:
  // matrix: n × n, overwritten. values: n, falling; NaN if an element is not finite, or if QL does not
  // converge, which no matrix is known for. vectors: count × n with count <= n, a unit vector in each row,
  // for the largest values; signs are arbitrary.
  SymmetricEigen(const Kernels& kernels, double* matrix, size_t n, size_t count, double* values,
                 double* vectors);

  size_t units() const { return 1; }

  // Throws std::bad_alloc.
  void work(const std::atomic<bool>& cancelled);
  void finish() {}

 private:
  using Sweep = SymmetricKernels::Sweep;

  bool decompose();
  bool scale();
  void reduce();
  void reflection(double* x, size_t n, size_t i);
  bool diagonalize();
  size_t block_end(size_t first) const;
  void sweep(size_t first, size_t last);
  void apply_sweeps();
  void write();

  double* row(size_t i) { return matrix_ + i * n_; }
  bool stopped() const { return cancelled_->load(std::memory_order_relaxed); }

  const SymmetricKernels& kernels_;
  double* matrix_;  // row i has the vector of reflection i in the end
  size_t n_;
  size_t count_;
  double* values_;
  double* vectors_;
  const std::atomic<bool>* cancelled_ = nullptr;
  std::atomic<bool> taken_ = false;

  double scale_ = 1;
  double negligible_ = 0;  // what is no more than this beside the diagonal
  std::vector<double> diagonal_;
  std::vector<double> beside_;  // beside_[i] couples i and i + 1
  std::vector<double> betas_;
  std::vector<double>
      slices_;  // the tridiagonal matrix's eigenvectors: n rows of kSlice of their elements, and so on
  std::vector<Sweep> sweeps_;  // their turns follow each other in turns_
  std::vector<double> turns_;
};

}  // namespace embedlane
