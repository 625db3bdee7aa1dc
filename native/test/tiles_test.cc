// The filter's tiles with the thresholds that FilterBounds makes of k-th best scores.
#include <cmath>
#include <limits>

#include "../search/bounds.h"
#include "../search/scores.h"
#include "runner.h"

namespace embedlane::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// One panel of queries against one tile of rows, or a single row.
struct Filter {
  Filter(Level level, Metric metric, size_t dims, size_t width, size_t count)
      : tiles(tiles_of(level)),
        kernels(row_kernels(kernels_of(level), Dtype::kF32)),
        bounds(metric, dims),
        metric(metric),
        dims(dims),
        queries(width * tiles.vector_queries),
        count(count) {}

  void load(const std::vector<float>& query_rows, const std::vector<float>& row_data) {
    panel.assign(queries * dims, 0);
    for (size_t q = 0; q < queries; q++) {
      for (size_t i = 0; i < dims; i++) panel[i * queries + q] = query_rows[q * dims + i];
    }
    rows = row_data;
    norms.assign(count, kNan);
    offsets.assign(count, 0);
    tiles.f32.squares(rows.data(), dims * sizeof(float), count, dims * sizeof(float), norms.data());
    for (float& norm : norms) norm = std::sqrt(norm);
    bounds.rows(norms.data(), count, norms.data(), offsets.data());
  }

  // Bit r: whether row r stays, for query q with this k-th best goodness.
  uint32_t rows_left(size_t q, double square, float kth) {
    std::vector<float> base(queries, 0), slope(queries, 0);
    float error_slope;
    bounds.threshold(bounds.query(square, 0, 0), kth, &base[q], &slope[q], &error_slope);
    uint32_t masks[kMaxTileRows];
    TileInput input = {};
    input.panel = reinterpret_cast<const char*>(panel.data());
    input.rows = reinterpret_cast<const char*>(rows.data());
    input.stride = input.row_bytes = dims * sizeof(float);
    input.ahead = input.rows;
    input.base = base.data();
    input.slope = slope.data();
    input.norms = norms.data();
    input.offsets = offsets.data();
    const size_t w = queries / tiles.vector_queries - 1;
    (count == 1 ? tiles.f32.row : tiles.f32.full)[w](input, masks, values);
    uint32_t left = 0;
    for (size_t r = 0; r < count; r++) left |= (masks[r] >> q & 1) << r;
    return left;
  }

  // What the filter knows of the goodness of row r for query q, if it passed.
  FilterBounds::Range range(size_t q, double square, size_t r) const {
    return bounds.range(bounds.query(square, 0, 0), values[r * queries + q], norms[r], 0);
  }

  float score(const float* query, double square, size_t r) const {
    double scratch[2];
    float score;
    score_rows(kernels, metric, dims, {query, square}, {rows.data() + r * dims, dims * sizeof(float), 1},
               scratch, &score);
    return score;
  }

  const Tiles& tiles;
  const RowKernels& kernels;
  FilterBounds bounds;
  Metric metric;
  size_t dims, queries, count;
  std::vector<float> panel, rows, norms, offsets;
  float values[kMaxTileRows * kMaxPanel];
};

// The tightest case there is: the k-th best is the row's own score, which therefore must pass.
TEST(filter_never_drops_a_row_that_could_enter) {
  Random random(3);
  const float scales[] = {1, 1e-3f, 1e-14f, 1e-20f, 1e-37f, 1e-44f, 1e10f, 1e17f, 1e19f, 1e37f};
  for (const Level level : levels()) {
    for (const size_t dims : {1, 2, 7, 16, 33, 100, 384, 513, 1100}) {
      for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
        for (size_t round = 0; round < 20; round++) {
          const size_t count = round % 3 == 0 ? 1 : tiles_of(level).rows;
          Filter filter(level, metric, dims, 1 + round % 2, count);
          const float query_scale = scales[round < 10 ? 0 : random.below(10)];
          const std::vector<float> query_rows = random.vector(filter.queries * dims, query_scale);
          std::vector<float> rows(count * dims);
          for (size_t r = 0; r < count; r++) {
            const float scale = scales[round < 5 ? 0 : random.below(10)];
            for (size_t i = 0; i < dims; i++) {
              // Some rows are nearly the query: the most cancellation.
              const float twin = round % 4 > 1 ? query_rows[i] * (1 + random.normal() * 1e-6f) : 0;
              rows[r * dims + i] = twin != 0 && r % 2 ? twin : random.normal() * scale;
            }
          }
          filter.load(query_rows, rows);
          for (size_t q = 0; q < filter.queries; q += 1 + filter.queries / 3) {
            const float* query = query_rows.data() + q * dims;
            const double square = square_of(filter.kernels, query, dims);
            for (size_t r = 0; r < count; r++) {
              const float score = filter.score(query, square, r);
              const float goodness = smaller_is_better(metric) ? -score : score;
              CHECK_MESSAGE(filter.rows_left(q, square, goodness) >> r & 1,
                            std::string(level_name(level)) + " drops a row, dims " + std::to_string(dims));
              const FilterBounds::Range range = filter.range(q, square, r);
              CHECK_MESSAGE(
                  !(goodness < range.low) && !(goodness > range.high),
                  std::string(level_name(level)) + " mistakes a score, dims " + std::to_string(dims));
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
    for (const size_t dims : {16, 384, 1100}) {
      for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
        Filter filter(level, metric, dims, kPanelWidths, tiles_of(level).rows);
        const std::vector<float> query_rows = random.vector(filter.queries * dims);
        filter.load(query_rows, random.vector(filter.count * dims));
        const double square = square_of(filter.kernels, query_rows.data(), dims);
        for (size_t r = 0; r < filter.count; r++) {
          const float score = filter.score(query_rows.data(), square, r);
          // A thousandth of the largest possible score is some twenty times the bound at these lengths.
          const float step = metric == Metric::kDot ? 2e-3f * float(square) : 2e-3f * (1 + std::fabs(score));
          const float kth = smaller_is_better(metric) ? -(score - step) : score + step;
          CHECK(!(filter.rows_left(0, square, kth) >> r & 1));
        }
      }
    }
  }
}

// Or rows would wait for their scores that the others have long beaten.
TEST(filter_knows_scores_well) {
  Random random(5);
  for (const Level level : levels()) {
    for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
      Filter filter(level, metric, 384, kPanelWidths, tiles_of(level).rows);
      const std::vector<float> query_rows = random.vector(filter.queries * 384);
      filter.load(query_rows, random.vector(filter.count * 384));
      const double square = square_of(filter.kernels, query_rows.data(), 384);
      CHECK(filter.rows_left(0, square, kNan) + 1 == 1u << filter.count);
      for (size_t r = 0; r < filter.count; r++) {
        const FilterBounds::Range range = filter.range(0, square, r);
        const float unit = metric == Metric::kDot ? float(square) : 1 + std::fabs(range.high);
        CHECK(range.high - range.low < 1e-3f * unit);
      }
    }
  }
}

// Against integers. Half of the rows and queries have only the largest and the smallest elements.
void check_byte_tile(const Tiles& tiles, const TileSet& set, bool is_signed, size_t dims, Random& random) {
  const auto element = [is_signed](uint8_t byte) {
    return is_signed ? int64_t(int8_t(byte)) : int64_t(byte);
  };
  const size_t count = tiles.rows, groups = (dims + kGroupBytes - 1) / kGroupBytes;
  for (size_t width = 1; width <= kPanelWidths; width++) {
    const size_t queries = width * tiles.vector_queries;
    // Of exactly this size, so that AddressSanitizer sees a step beyond.
    std::vector<uint8_t> rows(count * dims), columns(queries * dims), panel(groups * kGroupBytes * queries);
    const uint8_t least = is_signed ? 0x80 : 0, most = is_signed ? 0x7f : 0xff;
    const auto fill = [&](std::vector<uint8_t>& vectors) {
      for (size_t i = 0; i < vectors.size(); i++) {
        vectors[i] = i / dims % 2 ? uint8_t(random.next()) : i / dims % 4 ? most : least;
      }
    };
    fill(rows);
    fill(columns);
    for (size_t q = 0; q < queries; q++) {
      for (size_t i = 0; i < dims; i++) {
        panel[(i / kGroupBytes * queries + q) * kGroupBytes + i % kGroupBytes] = columns[q * dims + i];
      }
    }
    for (uint8_t& byte : panel) byte ^= set.panel_flip;
    std::vector<int32_t> byte_sums(count);
    if (set.byte_sums) {
      set.byte_sums(rows.data(), dims, count, dims, byte_sums.data());
      for (size_t r = 0; r < count; r++) {
        int64_t sum = 0;
        for (size_t i = 0; i < dims; i++) sum += element(rows[r * dims + i]);
        CHECK(byte_sums[r] == sum);
      }
    }
    const std::vector<float> nothing(queries, -kInf), zeros(queries, 0), ones(queries, 1);
    TileInput input = {};
    input.panel = reinterpret_cast<const char*>(panel.data());
    input.rows = input.ahead = reinterpret_cast<const char*>(rows.data());
    input.stride = input.row_bytes = dims;
    input.byte_sums = byte_sums.data();
    input.scales = input.query_scales = ones.data();
    input.base = nothing.data();
    input.slope = input.error_slope = zeros.data();
    const std::vector<float> values_of_rows(count, 0), scales(count, 1);
    input.scales = scales.data();
    input.errors = input.norms = input.offsets = values_of_rows.data();
    uint32_t masks[kMaxTileRows];
    float values[kMaxTileRows * kMaxPanel];
    CHECK(set.full[width - 1](input, masks, values) + 1 == 1u << count);
    std::vector<float> squares(count);
    set.squares(rows.data(), dims, count, dims, squares.data());
    for (size_t r = 0; r < count; r++) {
      int64_t square = 0;
      for (size_t i = 0; i < dims; i++) square += element(rows[r * dims + i]) * element(rows[r * dims + i]);
      CHECK(std::fabs(double(squares[r]) - double(square)) <= 1e-5 * double(square));
      for (size_t q = 0; q < queries; q++) {
        int64_t sum = 0;
        for (size_t i = 0; i < dims; i++) sum += element(rows[r * dims + i]) * element(columns[q * dims + i]);
        CHECK(masks[r] >> q & 1);
        CHECK(values[r * queries + q] == float(sum));
      }
    }
    input.rows = input.ahead = reinterpret_cast<const char*>(rows.data() + (count - 1) * dims);
    input.byte_sums = &byte_sums[count - 1];
    float last[kMaxPanel];
    CHECK(set.row[width - 1](input, masks, last) == 1);
    for (size_t q = 0; q < queries; q++) CHECK(last[q] == values[(count - 1) * queries + q]);
  }
}

TEST(byte_tiles_sum_exactly) {
  Random random(6);
  for (const Level level : levels()) {
    const Tiles& tiles = tiles_of(level);
    for (const size_t dims : {1, 3, 4, 63, 64, 65, 384, 770, 16384}) {
      if (tiles.i8.full[0]) check_byte_tile(tiles, tiles.i8, true, dims, random);
      if (tiles.u8.full[0]) check_byte_tile(tiles, tiles.u8, false, dims, random);
    }
  }
}

#if defined(__x86_64__) || defined(_M_X64)
// Searches take them only where they pay: see tiles_of().
TEST(bfloat16_tiles_sum_within_their_contract) {
  if (!level_available(Level::kAvx512Vnni)) return;
  Random random(7);
  const Tiles& tiles = avx512_vnni_tiles();
  const auto from_bf16 = kernels_of(Level::kAvx512Vnni).conversions.from_bf16;
  const auto to_bf16 = kernels_of(Level::kAvx512Vnni).conversions.to_bf16;
  for (const size_t dims : {1, 2, 3, 31, 384, 1025, 2600}) {
    for (size_t width = 1; width <= kPanelWidths; width++) {
      const size_t queries = width * tiles.vector_queries, pairs = (dims + 1) / 2;
      const auto rounded = [&](std::vector<uint16_t>& halves, size_t count) {
        std::vector<float> values = random.vector(count * dims);
        halves.resize(values.size());
        to_bf16(values.data(), values.size(), halves.data());
        from_bf16(halves.data(), values.size(), values.data());
        return values;
      };
      std::vector<uint16_t> row_halves, query_halves, panel(2 * pairs * queries);
      const std::vector<float> rows = rounded(row_halves, tiles.rows),
                               columns = rounded(query_halves, queries);
      for (size_t q = 0; q < queries; q++) {
        for (size_t i = 0; i < dims; i++)
          panel[(i / 2 * queries + q) * 2 + i % 2] = query_halves[q * dims + i];
      }
      const std::vector<float> nothing(queries, -kInf), zeros(kMaxPanel, 0);
      TileInput input = {};
      input.panel = reinterpret_cast<const char*>(panel.data());
      input.rows = input.ahead = reinterpret_cast<const char*>(row_halves.data());
      input.stride = input.row_bytes = 2 * dims;
      input.base = nothing.data();
      input.slope = input.norms = input.offsets = zeros.data();
      uint32_t masks[kMaxTileRows];
      float values[kMaxTileRows * kMaxPanel], squares[kMaxTileRows];
      CHECK(tiles.bf16.full[width - 1](input, masks, values) + 1 == 1u << tiles.rows);
      tiles.bf16.squares(row_halves.data(), 2 * dims, tiles.rows, 2 * dims, squares);
      const double chain =
          std::max(double(kFilterDepth), double(dims) / 8) + double(dims) / kFilterDepth + 16;
      for (size_t r = 0; r < tiles.rows; r++) {
        for (size_t q = 0; q <= queries; q++) {
          const float* const other = q < queries ? &columns[q * dims] : &rows[r * dims];
          double sum = 0, size = 0;
          for (size_t i = 0; i < dims; i++) {
            sum += double(rows[r * dims + i]) * other[i];
            size += std::fabs(double(rows[r * dims + i]) * other[i]);
          }
          const float value = q < queries ? values[r * queries + q] : squares[r];
          CHECK(std::fabs(value - sum) <= chain * 0x1p-24 * size);
        }
      }
    }
  }
}
#endif

TEST(filter_lets_nan_and_infinity_pass) {
  for (const Level level : levels()) {
    for (const float special : {kNan, kInf, -kInf}) {
      for (const Metric metric : {Metric::kCosine, Metric::kDot, Metric::kL2}) {
        Filter filter(level, metric, 9, 1, tiles_of(level).rows);
        std::vector<float> query_rows(filter.queries * 9, 1), rows(filter.count * 9, 1);
        rows[9 * 2 + 4] = special;
        filter.load(query_rows, rows);
        CHECK(filter.rows_left(0, 9, 1e20f) >> 2 & 1);
        rows[9 * 2 + 4] = 1;
        query_rows[5] = special;
        filter.load(query_rows, rows);
        CHECK(filter.rows_left(0, double(special) * special, 1e20f) >> 2 & 1);
      }
    }
  }
}

}  // namespace
}  // namespace embedlane::test
