#include "../analytics/symmetric_eigen.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runner.h"

namespace embedlane::test {
namespace {

using Values = std::vector<double>;

struct Decomposed {
  Values values, vectors;
};

Decomposed decompose(Level level, Values matrix, size_t n, size_t count) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  Decomposed out = {Values(n, kNan), Values(count * n, kNan)};
  SymmetricEigen eigen(kernels_of(level), matrix.data(), n, count, out.values.data(), out.vectors.data());
  const std::atomic<bool> cancelled = false;
  eigen.work(cancelled);
  eigen.finish();
  return out;
}

Values symmetric(Random& random, size_t n, double scale) {
  Values matrix(n * n);
  for (size_t i = 0; i < n; i++) {
    for (size_t j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = double(random.normal()) * scale;
  }
  return matrix;
}

double largest(const Values& values) {
  double most = 0;
  for (const double x : values) most = std::max(most, std::fabs(x));
  return most;
}

// What defines eigenvectors: A v = λ v, unit length, right angles; and that all values together are the
// trace.
void check(const std::string& name, const Values& matrix, size_t n, size_t count) {
  const Decomposed first = decompose(levels()[0], matrix, n, count);
  const double scale = largest(matrix) * double(n);
  double worst = 0, trace = 0, sum = 0;
  for (size_t i = 0; i < n; i++) trace += matrix[i * n + i], sum += first.values[i];
  bool falling = true;
  for (size_t i = 1; i < n; i++) falling = falling && first.values[i] <= first.values[i - 1];
  for (size_t c = 0; c < count; c++) {
    const double* const v = first.vectors.data() + c * n;
    for (size_t i = 0; i < n; i++) {
      double product = 0;
      for (size_t j = 0; j < n; j++) product += matrix[i * n + j] * v[j];
      worst = std::max(worst, std::fabs(product - first.values[c] * v[i]) / std::max(scale, 1e-300));
    }
    for (size_t other = 0; other <= c; other++) {
      double product = 0;
      for (size_t j = 0; j < n; j++) product += v[j] * first.vectors[other * n + j];
      worst = std::max(worst, std::fabs(product - (other == c)) / double(n));
    }
  }
  CHECK_MESSAGE(falling, name + ": values do not fall");
  CHECK_MESSAGE(std::fabs(trace - sum) <= 1e-14 * scale, name + ": values are not the trace's");
  CHECK_MESSAGE(std::isfinite(trace - sum) && worst <= 1e-15,
                name + ": off by " + std::to_string(worst / 1e-16) + "e-16");
  for (const Level level : levels()) {
    const Decomposed other = decompose(level, matrix, n, count);
    CHECK_MESSAGE(other.values == first.values && other.vectors == first.vectors,
                  name + ": " + level_name(level) + " differs from another level");
  }
}

TEST(symmetric_matrices_of_all_sizes_have_eigenvectors) {
  Random random(11);
  for (size_t n = 1; n <= 70; n++) check("random " + std::to_string(n), symmetric(random, n, 1), n, n);
  check("random 300", symmetric(random, 300, 1), 300, 300);
  check("a few vectors", symmetric(random, 90, 1), 90, 5);
  check("values alone", symmetric(random, 20, 1), 20, 0);
}

TEST(symmetric_matrices_of_all_kinds_have_eigenvectors) {
  Random random(12);
  check("zero", Values(64 * 64), 64, 64);
  check("ones", Values(50 * 50, 1), 50, 50);
  check("huge", symmetric(random, 40, 1e300), 40, 40);
  check("tiny", symmetric(random, 40, 1e-300), 40, 40);
  Values identity(49 * 49);
  for (size_t i = 0; i < 49; i++) identity[i * 50] = 3;
  check("a multiple of the identity", identity, 49, 49);
  // Of rank 3, from vectors.
  Values low(80 * 80);
  for (int k = 0; k < 3; k++) {
    const std::vector<float> x = random.vector(80);
    for (size_t i = 0; i < 80; i++) {
      for (size_t j = 0; j < 80; j++) low[i * 80 + j] += double(x[i]) * double(x[j]);
    }
  }
  check("low rank", low, 80, 80);
  // Elements from 1 down to 1e-300.
  Values graded = symmetric(random, 60, 1);
  for (size_t i = 0; i < 60; i++) {
    for (size_t j = 0; j < 60; j++) graded[i * 60 + j] *= std::pow(10.0, -5.0 * double(std::max(i, j)));
  }
  check("graded", graded, 60, 60);
  std::reverse(graded.begin(), graded.end());
  check("graded the other way", graded, 60, 60);
  // Wilkinson's matrix: pairs of values that are all but equal.
  Values wilkinson(41 * 41);
  for (size_t i = 0; i < 41; i++) {
    wilkinson[i * 42] = std::fabs(double(i) - 20);
    if (i > 0) wilkinson[i * 42 - 1] = wilkinson[i * 42 - 41] = 1;
  }
  check("Wilkinson's", wilkinson, 41, 41);
}

// What rounding leaves of the other directions has no order that could be found.
TEST(large_matrices_of_low_rank_have_eigenvectors) {
  Random random(14);
  for (const size_t rank : {1, 40, 299}) {
    constexpr size_t n = 300;
    Values matrix(n * n);
    for (size_t k = 0; k < rank; k++) {
      const std::vector<float> x = random.vector(n);
      for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) matrix[i * n + j] += double(x[i]) * double(x[j]);
      }
    }
    check("rank " + std::to_string(rank), matrix, n, n);
  }
}

TEST(a_matrix_that_is_not_finite_has_no_eigenvalues) {
  Random random(15);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    Values matrix = symmetric(random, 20, 1);
    matrix[7 * 20 + 3] = matrix[3 * 20 + 7] = bad;
    for (const double value : decompose(levels()[0], matrix, 20, 20).values) CHECK(std::isnan(value));
  }
}

TEST(eigenvalues_are_those_of_the_second_difference) {
  constexpr size_t n = 100;
  Values matrix(n * n);
  for (size_t i = 0; i < n; i++) {
    matrix[i * (n + 1)] = 2;
    if (i > 0) matrix[i * (n + 1) - 1] = matrix[i * (n + 1) - n] = -1;
  }
  const Decomposed out = decompose(levels()[0], matrix, n, 1);
  for (size_t k = 0; k < n; k++) {
    const double expected = 2 + 2 * std::cos(double(k + 1) * 3.14159265358979323846 / double(n + 1));
    CHECK(std::fabs(out.values[k] - expected) < 1e-14);
  }
}

TEST(a_cancelled_decomposition_returns) {
  Random random(13);
  Values matrix = symmetric(random, 200, 1), values(200), vectors(200 * 200);
  SymmetricEigen eigen(kernels_of(Level::kScalar), matrix.data(), 200, 200, values.data(), vectors.data());
  const std::atomic<bool> cancelled = true;
  eigen.work(cancelled);
  CHECK(vectors == Values(200 * 200));
}

}  // namespace
}  // namespace embedlane::test
