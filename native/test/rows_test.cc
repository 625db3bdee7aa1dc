// The kernels for rows, of every dtype and level, against their definition in kernels.h.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "runner.h"

namespace embedlane::test {
namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b) || (std::isnan(a) && std::isnan(b));
}

// Element `i` of a row, from the formats' definitions.
double value_of(Dtype dtype, const uint8_t* row, size_t i) {
  switch (dtype) {
    case Dtype::kF32: {
      float value;
      std::memcpy(&value, row + 4 * i, 4);
      return value;
    }
    case Dtype::kF16: {
      uint16_t bits;
      std::memcpy(&bits, row + 2 * i, 2);
      const int exponent = bits >> 10 & 31;
      const int fraction = bits & 1023;
      const double sign = bits >> 15 ? -1 : 1;
      if (exponent == 31) {
        return fraction ? std::numeric_limits<double>::quiet_NaN()
                        : sign * std::numeric_limits<double>::infinity();
      }
      return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
    }
    case Dtype::kBf16: {
      uint16_t bits;
      std::memcpy(&bits, row + 2 * i, 2);
      return std::bit_cast<float>(uint32_t(bits) << 16);
    }
    case Dtype::kI8:
      return int8_t(row[i]);
    case Dtype::kU8:
      return row[i];
    default:
      return row[i / 8] >> (7 - i % 8) & 1;
  }
}

// Canonical sums; for integers and bits their order does not matter.
template <class Term>
double canonical(Dtype dtype, const uint8_t* a, const uint8_t* b, size_t n, Term term) {
  double lanes[16] = {}, tail = 0;
  size_t i = 0;
  for (; i < n / 16 * 16; i++) lanes[i % 16] += term(value_of(dtype, a, i), value_of(dtype, b, i));
  for (; i < n; i++) tail += term(value_of(dtype, a, i), value_of(dtype, b, i));
  for (int width = 8; width > 0; width /= 2) {
    for (int j = 0; j < width; j++) lanes[j] += lanes[j + width];
  }
  return lanes[0] + tail;
}

// Compares every kernel's result for rows in memory of exactly the size they need.
void check_rows(Dtype dtype, const std::vector<uint8_t>& query, const std::vector<uint8_t>& rows,
                size_t stride, size_t count, size_t dims) {
  struct Sums {
    double dot, square, l2, l1;
  };
  std::vector<Sums> expected(count);
  for (size_t r = 0; r < count; r++) {
    const uint8_t* row = rows.data() + r * stride;
    const auto product = [](double x, double y) { return x * y; };
    expected[r] = {
        canonical(dtype, query.data(), row, dims, product),
        canonical(dtype, row, row, dims, product),
        canonical(dtype, query.data(), row, dims, [](double x, double y) { return (x - y) * (x - y); }),
        canonical(dtype, query.data(), row, dims, [](double x, double y) { return std::fabs(x - y); }),
    };
  }
  for (const Level level : levels()) {
    const RowKernels& kernels = row_kernels(kernels_of(level), dtype);
    std::vector<double> dots(count), pair(count), squares(count), l2(count), l1(count);
    kernels.dots(query.data(), rows.data(), stride, count, dims, dots.data());
    kernels.dots_and_squares(query.data(), rows.data(), stride, count, dims, pair.data(), squares.data());
    kernels.squared_l2(query.data(), rows.data(), stride, count, dims, l2.data());
    kernels.l1(query.data(), rows.data(), stride, count, dims, l1.data());
    const std::string where = std::string(level_name(level)) + ", dtype " + std::to_string(int(dtype)) +
                              ", dims " + std::to_string(dims) + ", row ";
    for (size_t r = 0; r < count; r++) {
      const std::string row = where + std::to_string(r);
      CHECK_MESSAGE(same_bits(dots[r], expected[r].dot), "dot at " + row);
      CHECK_MESSAGE(same_bits(pair[r], expected[r].dot), "dot beside the square at " + row);
      CHECK_MESSAGE(same_bits(squares[r], expected[r].square), "square at " + row);
      CHECK_MESSAGE(same_bits(l2[r], expected[r].l2), "squared l2 at " + row);
      CHECK_MESSAGE(same_bits(l1[r], expected[r].l1), "l1 at " + row);
    }
  }
}

void put_half(uint8_t* row, size_t i, uint32_t bits) {
  const uint16_t half = uint16_t(bits);
  std::memcpy(row + 2 * i, &half, 2);
}

void put_float(uint8_t* row, size_t i, float value) { std::memcpy(row + 4 * i, &value, 4); }

void fill(Random& random, Dtype dtype, uint8_t* row, size_t dims) {
  switch (dtype) {
    case Dtype::kF32:
      for (size_t i = 0; i < dims; i++) put_float(row, i, random.normal());
      return;
    case Dtype::kF16:  // every exponent of finite numbers, subnormal ones too
      for (size_t i = 0; i < dims; i++)
        put_half(row, i, uint32_t(random.below(31) << 10 | random.next() % 1024));
      for (size_t i = 0; i < dims; i += 2) row[2 * i + 1] ^= 0x80;
      return;
    case Dtype::kBf16:
      for (size_t i = 0; i < dims; i++) put_half(row, i, std::bit_cast<uint32_t>(random.normal()) >> 16);
      return;
    default:
      for (size_t i = 0; i < row_bytes(dtype, dims); i++) row[i] = uint8_t(random.next());
      if (dtype == Dtype::kB1 && dims % 8) row[dims / 8] &= uint8_t(0xff00 >> dims % 8);
  }
}

constexpr Dtype kAll[kDtypeCount] = {Dtype::kF32, Dtype::kF16, Dtype::kBf16,
                                     Dtype::kI8,  Dtype::kU8,  Dtype::kB1};

TEST(sums_of_rows_follow_their_definition) {
  Random random(1);
  std::vector<size_t> lengths;
  for (size_t n = 0; n <= 130; n++) lengths.push_back(n);
  lengths.insert(lengths.end(), {384, 511, 768, 1025, 4097});
  for (const Dtype dtype : kAll) {
    for (const size_t dims : lengths) {
      const size_t count = dims % 11;
      const size_t bytes = row_bytes(dtype, dims);
      const size_t stride = bytes + (dims % 3) * 2 * alignment_of(dtype);
      std::vector<uint8_t> query(bytes), rows(count ? (count - 1) * stride + bytes : 0, 0xff);
      fill(random, dtype, query.data(), dims);
      for (size_t r = 0; r < count; r++) fill(random, dtype, rows.data() + r * stride, dims);
      check_rows(dtype, query, rows, stride, count, dims);
    }
  }
}

TEST(sums_of_floats_let_nan_infinity_and_subnormal_through) {
  Random random(2);
  const uint16_t f16[] = {0x7c00, 0xfc00, 0x7e01, 0x7c01, 0x0001, 0x8000};
  const uint16_t bf16[] = {0x7f80, 0xff80, 0x7fc1, 0x7f81, 0x0001, 0x8000};
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBf16}) {
    for (const size_t dims : {1, 15, 16, 33, 100}) {
      for (size_t special = 0; special < 6; special++) {
        const size_t bytes = row_bytes(dtype, dims);
        std::vector<uint8_t> query(bytes), rows(5 * bytes);
        fill(random, dtype, query.data(), dims);
        for (size_t r = 0; r < 5; r++) fill(random, dtype, rows.data() + r * bytes, dims);
        uint8_t* row = rows.data() + 2 * bytes;
        const size_t at = random.below(dims);
        if (dtype == Dtype::kF32) put_float(row, at, std::bit_cast<float>(uint32_t(bf16[special]) << 16));
        if (dtype == Dtype::kF16) put_half(row, at, f16[special]);
        if (dtype == Dtype::kBf16) put_half(row, at, bf16[special]);
        check_rows(dtype, query, rows, bytes, 5, dims);
        check_rows(dtype, std::vector<uint8_t>(row, row + bytes), rows, bytes, 5, dims);
      }
    }
  }
}

// Sums of 32 bits would overflow, in one lane or in all together.
TEST(sums_of_extreme_integers_are_exact_at_any_length) {
  for (const Dtype dtype : {Dtype::kI8, Dtype::kU8, Dtype::kB1}) {
    for (const size_t bytes : {16383, 16384, 16385, 32768 + 7, 140000}) {
      const size_t dims = dtype == Dtype::kB1 ? 8 * bytes : bytes;
      for (const int query : {0x80, 0x7f, 0xff, 0}) {
        std::vector<uint8_t> rows(5 * bytes);
        const int values[] = {0x80, 0x7f, 0xff, 0, 1};
        for (size_t r = 0; r < 5; r++) std::memset(rows.data() + r * bytes, values[r], bytes);
        if (bytes < 20000) {
          check_rows(dtype, std::vector<uint8_t>(bytes, uint8_t(query)), rows, bytes, 5, dims);
          continue;
        }
        // Too long for the slow definition: all terms are alike.
        const std::vector<uint8_t> q(bytes, uint8_t(query));
        for (const Level level : levels()) {
          const RowKernels& kernels = row_kernels(kernels_of(level), dtype);
          double dots[5], squares[5], l2[5], l1[5];
          kernels.dots_and_squares(q.data(), rows.data(), bytes, 5, dims, dots, squares);
          kernels.squared_l2(q.data(), rows.data(), bytes, 5, dims, l2);
          kernels.l1(q.data(), rows.data(), bytes, 5, dims, l1);
          const size_t terms = dtype == Dtype::kB1 ? 8 : 1;
          for (size_t r = 0; r < 5; r++) {
            const uint8_t* row = rows.data() + r * bytes;
            double dot = 0, square = 0, difference = 0, distance = 0;
            for (size_t i = 0; i < terms; i++) {
              const double a = value_of(dtype, q.data(), i), b = value_of(dtype, row, i);
              dot += a * b;
              square += b * b;
              difference += (a - b) * (a - b);
              distance += std::fabs(a - b);
            }
            CHECK(dots[r] == dot * double(bytes));
            CHECK(squares[r] == square * double(bytes));
            CHECK(l2[r] == difference * double(bytes));
            CHECK(l1[r] == distance * double(bytes));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace embedlane::test
