#include "../search/score_matrix.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "runner.h"

namespace embedlane::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

struct Rows {
  std::vector<uint8_t> bytes;
  size_t count;
};

// Random elements; of floats, some rows are zero and some hold what is no number.
Rows random_rows(Random& random, Dtype dtype, size_t count, size_t dims) {
  const size_t stride = row_bytes(dtype, dims);
  Rows rows = {std::vector<uint8_t>(count * stride), count};
  const Conversions& convert = kernels_of(Level::kScalar).conversions;
  for (size_t r = 0; r < count; r++) {
    std::vector<float> values = random.vector(dims, 2);
    const size_t kind = random.below(16);
    if (kind == 0) values.assign(dims, 0);
    if (kind == 1) values[random.below(dims)] = kNan;
    if (kind == 2) values[random.below(dims)] = -kInf;
    uint8_t* const row = rows.bytes.data() + r * stride;
    std::vector<uint16_t> halves(dims);
    switch (dtype) {
      case Dtype::kF32:
        std::memcpy(row, values.data(), stride);
        break;
      case Dtype::kF16:
        convert.to_f16(values.data(), dims, halves.data());
        std::memcpy(row, halves.data(), stride);
        break;
      case Dtype::kBf16:
        convert.to_bf16(values.data(), dims, halves.data());
        std::memcpy(row, halves.data(), stride);
        break;
      default:
        for (size_t i = 0; i < stride; i++) row[i] = kind == 0 ? 0 : uint8_t(random.next());
    }
  }
  return rows;
}

// Pair by pair, with one row at a time.
std::vector<float> one_by_one(Dtype dtype, Metric metric, const Rows& a, const Rows& b, size_t dims) {
  const RowKernels& kernels = row_kernels(kernels_of(Level::kScalar), dtype);
  const size_t stride = row_bytes(dtype, dims);
  std::vector<float> out;
  for (size_t i = 0; i < a.count; i++) {
    const void* const query = a.bytes.data() + i * stride;
    const double square = square_of(kernels, query, dims);
    for (size_t j = 0; j < b.count; j++) {
      double scratch[2];
      float score;
      score_rows(kernels, metric, dims, {query, square}, {b.bytes.data() + j * stride, stride, 1}, scratch,
                 &score);
      out.push_back(score);
    }
  }
  return out;
}

bool same(float a, float b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0 || (std::isnan(a) && std::isnan(b));
}

void compare(Random& random, Dtype dtype, Metric metric, size_t a_rows, size_t b_rows, size_t dims) {
  const Rows a = random_rows(random, dtype, a_rows, dims);
  const Rows b = random_rows(random, dtype, b_rows, dims);
  const std::vector<float> expected = one_by_one(dtype, metric, a, b, dims);
  for (const Level level : levels()) {
    for (const size_t threads : {1, 3}) {
      std::vector<float> out(a_rows * b_rows, kNan);
      ScoreMatrix scores(kernels_of(level),
                         {dtype, metric, a.bytes.data(), a_rows, b.bytes.data(), b_rows, dims, out.data()});
      run_job(scores, threads);
      size_t wrong = 0;
      for (size_t p = 0; p < out.size(); p++) wrong += !same(out[p], expected[p]);
      CHECK_MESSAGE(wrong == 0, std::string(level_name(level)) + ": " + std::to_string(wrong) +
                                    " scores of " + std::to_string(a_rows) + " x " + std::to_string(b_rows) +
                                    " rows of " + std::to_string(dims) + " differ, dtype " +
                                    std::to_string(int(dtype)) + ", metric " + std::to_string(int(metric)));
    }
  }
}

TEST(a_matrix_has_the_scores_of_its_pairs) {
  Random random(7);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBf16, Dtype::kI8, Dtype::kU8, Dtype::kB1}) {
    std::vector<Metric> metrics = {Metric::kCosine, Metric::kDot, Metric::kL2, Metric::kL1};
    if (dtype == Dtype::kB1) metrics.push_back(Metric::kJaccard);
    for (const Metric metric : metrics) {
      for (size_t dims = 1; dims <= 34; dims++) {
        compare(random, dtype, metric, 1 + random.below(12), 1 + random.below(12), dims);
      }
      for (int round = 0; round < 4; round++) {
        compare(random, dtype, metric, 1 + random.below(9), 1 + random.below(230), 1 + random.below(400));
      }
    }
  }
}

TEST(a_matrix_of_many_blocks_and_runs_has_the_scores_of_its_pairs) {
  Random random(8);
  compare(random, Dtype::kF32, Metric::kCosine, 301, 1201, 50);
  compare(random, Dtype::kF32, Metric::kL2, 13, 300, 4099);
  compare(random, Dtype::kBf16, Metric::kDot, 2, 20000, 33);
  compare(random, Dtype::kF16, Metric::kCosine, 5, 9, 70001);
  compare(random, Dtype::kI8, Metric::kCosine, 700, 97, 70);
}

TEST(a_matrix_without_rows_is_empty) {
  float out = 5;
  for (const Level level : levels()) {
    for (const auto& [a_rows, b_rows] : {std::pair<size_t, size_t>{0, 3}, {3, 0}, {0, 0}}) {
      ScoreMatrix scores(kernels_of(level),
                         {Dtype::kF32, Metric::kDot, nullptr, a_rows, nullptr, b_rows, 8, &out});
      run_job(scores, 2);
    }
  }
  CHECK(out == 5);
}

}  // namespace
}  // namespace embedlane::test
