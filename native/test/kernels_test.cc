#include <cmath>
#include <limits>

#include "../search/bounds.h"
#include "../search/scores.h"
#include "runner.h"

namespace embedlane::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<size_t> lengths() {
  std::vector<size_t> all;
  for (size_t n = 0; n <= 130; n++) all.push_back(n);
  all.insert(all.end(), {384, 768, 1025, 4097});
  return all;
}

TEST(element_wise_kernels_equal_plain_loops) {
  Random random(2);
  for (const size_t n : lengths()) {
    const std::vector<float> x = random.vector(n, 3);
    for (const Level level : levels()) {
      const Kernels& kernels = kernels_of(level);
      std::vector<double> sums(n, 0.25);
      std::vector<float> best(n, 0.5f), out(n), scaled = x;
      if (n > 2) best[1] = kNan;
      kernels.accumulate(x.data(), 7, n, sums.data());
      kernels.maximum(x.data(), n, best.data());
      kernels.divide(sums.data(), 3, n, out.data());
      kernels.scale(1.0 / 3, n, scaled.data());
      for (size_t i = 0; i < n; i++) {
        CHECK(sums[i] == 0.25 + 7 * double(x[i]));
        CHECK(n > 2 && i == 1 ? std::isnan(best[i]) : best[i] == std::max(0.5f, x[i]));
        CHECK(out[i] == float(sums[i] / 3));
        CHECK(scaled[i] == float(double(x[i]) * (1.0 / 3)));
      }
    }
  }
}

// One tile of queries against one panel of rows, with the thresholds of given k-th best scores.
struct Tile {
  Tile(const Kernels& kernels, Metric metric, size_t dims, size_t queries, size_t count)
      : kernels(kernels), bounds(metric, dims), metric(metric), dims(dims), queries(queries), count(count) {}

  void load(const std::vector<float>& query_rows, const std::vector<float>& rows) {
    packed.assign(queries * dims, 0);
    for (size_t q = 0; q < queries; q++) {
      for (size_t i = 0; i < dims; i++) packed[i * queries + q] = query_rows[q * dims + i];
    }
    panel.assign(kernels.tile_rows * dims, kNan);
    norms.assign(kernels.tile_rows, kNan);
    offsets.assign(kernels.tile_rows, 0);
    kernels.pack_rows(rows.data(), count, dims, panel.data(), norms.data());
    for (size_t r = 0; r < count; r++) bounds.row(norms[r], &norms[r], &offsets[r]);
  }

  uint64_t mask_of(size_t q, double square, float kth) {
    std::vector<float> base(queries, 0), slope(queries, 0);
    bounds.query(square, kth, &base[q], &slope[q]);
    std::vector<uint64_t> masks(queries);
    const TileInput input = {packed.data(), panel.data(), dims,          base.data(),
                             slope.data(),  norms.data(), offsets.data()};
    kernels.tiles[queries / kernels.tile_step - 1](input, masks.data());
    return masks[q];
  }

  const Kernels& kernels;
  FilterBounds bounds;
  Metric metric;
  size_t dims, queries, count;
  std::vector<float> packed, panel, norms, offsets;
};

// The tightest case there is: the k-th best is the row's own score, which therefore must pass.
TEST(filter_never_drops_a_row_that_could_enter) {
  Random random(3);
  const float scales[] = {1, 1e-3f, 1e-14f, 1e-20f, 1e-37f, 1e-44f, 1e10f, 1e17f, 1e19f, 1e37f};
  for (const Level level : levels()) {
    const Kernels& kernels = kernels_of(level);
    for (const size_t dims : {1, 2, 7, 16, 33, 100, 384, 513, 1100}) {
      for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
        for (size_t round = 0; round < 20; round++) {
          const size_t queries = kernels.tile_step * (1 + round % (kernels.tile_queries / kernels.tile_step));
          const size_t count = round % 3 == 0 ? 1 + random.below(kernels.tile_rows) : kernels.tile_rows;
          Tile tile(kernels, metric, dims, queries, count);
          const float query_scale = scales[round < 10 ? 0 : random.below(10)];
          const std::vector<float> query_rows = random.vector(queries * dims, query_scale);
          std::vector<float> rows(count * dims);
          for (size_t r = 0; r < count; r++) {
            const float scale = scales[round < 5 ? 0 : random.below(10)];
            for (size_t i = 0; i < dims; i++) {
              // Some rows are nearly the query: the most cancellation.
              const float twin = round % 2 ? query_rows[i] * (1 + random.normal() * 1e-6f) : 0;
              rows[r * dims + i] = twin != 0 && r % 2 ? twin : random.normal() * scale;
            }
          }
          tile.load(query_rows, rows);
          for (size_t q = 0; q < queries; q += 1 + queries / 3) {
            const float* query = query_rows.data() + q * dims;
            const double square = square_of(kernels, query, dims);
            for (size_t r = 0; r < count; r++) {
              double scratch[2];
              float score;
              score_rows(kernels, metric, query, square, rows.data() + r * dims, 1, dims, scratch, &score);
              const float goodness = smaller_is_better(metric) ? -score : score;
              CHECK_MESSAGE(tile.mask_of(q, square, goodness) >> r & 1,
                            std::string(level_name(level)) + " drops a row, dims " + std::to_string(dims));
            }
          }
        }
      }
    }
  }
}

TEST(filter_drops_rows_that_are_clearly_worse) {
  Random random(4);
  for (const Level level : levels()) {
    const Kernels& kernels = kernels_of(level);
    for (const size_t dims : {16, 384, 1100}) {
      for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
        Tile tile(kernels, metric, dims, kernels.tile_queries, kernels.tile_rows);
        const std::vector<float> query_rows = random.vector(tile.queries * dims);
        const std::vector<float> rows = random.vector(tile.count * dims);
        tile.load(query_rows, rows);
        const double square = square_of(kernels, query_rows.data(), dims);
        for (size_t r = 0; r < tile.count; r++) {
          double scratch[2];
          float score;
          score_rows(kernels, metric, query_rows.data(), square, rows.data() + r * dims, 1, dims, scratch,
                     &score);
          // A thousandth of the largest possible score is some twenty times the bound at these lengths.
          const float step = metric == Metric::kDot ? 2e-3f * float(square) : 2e-3f * (1 + std::fabs(score));
          const float kth = smaller_is_better(metric) ? -(score - step) : score + step;
          CHECK(!(tile.mask_of(0, square, kth) >> r & 1));
        }
      }
    }
  }
}

TEST(filter_lets_nan_and_infinity_pass) {
  for (const Level level : levels()) {
    const Kernels& kernels = kernels_of(level);
    for (const float special : {kNan, kInf, -kInf}) {
      for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
        Tile tile(kernels, metric, 9, kernels.tile_step, kernels.tile_rows);
        std::vector<float> query_rows(tile.queries * 9, 1), rows(tile.count * 9, 1);
        rows[9 * 3 + 4] = special;
        tile.load(query_rows, rows);
        CHECK(tile.mask_of(0, 9, 1e20f) >> 3 & 1);
        rows[9 * 3 + 4] = 1;
        query_rows[5] = special;
        tile.load(query_rows, rows);
        CHECK(tile.mask_of(0, double(special) * special, 1e20f) >> 3 & 1);
      }
    }
  }
}

}  // namespace
}  // namespace embedlane::test
