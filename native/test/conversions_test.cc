// Conversions and quantisation, on every level, against their definitions.
#include <bit>
#include <cmath>
#include <limits>

#include "../quantization/quantization.h"
#include "runner.h"

namespace embedlane::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

// A finite half's value, from the format's definition; above the largest one, what would come next.
double value_of_half(uint32_t bits) {
  const int exponent = int(bits >> 10 & 31);
  const int fraction = int(bits & 1023);
  return exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24);
}

uint32_t bits_of(float value) { return std::bit_cast<uint32_t>(value); }

std::vector<uint16_t> to_f16(const Kernels& kernels, const std::vector<float>& x) {
  std::vector<uint16_t> out(x.size());
  kernels.conversions.to_f16(x.data(), x.size(), out.data());
  return out;
}

TEST(every_half_widens_exactly) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); i++) halves[i] = uint16_t(i);
  for (const Level level : levels()) {
    std::vector<float> f16(65536), bf16(65536);
    kernels_of(level).conversions.from_f16(halves.data(), 65536, f16.data());
    kernels_of(level).conversions.from_bf16(halves.data(), 65536, bf16.data());
    for (uint32_t i = 0; i < 65536; i++) {
      const uint32_t magnitude = i & 0x7fff;
      const uint32_t sign = i >> 15 << 31;
      uint32_t expected = bits_of(float(value_of_half(magnitude)));
      if (magnitude == 0x7c00) expected = 0x7f800000;
      if (magnitude > 0x7c00) expected = 0x7fc00000 | (magnitude & 1023) << 13;
      CHECK(bits_of(f16[i]) == (sign | expected));
      CHECK(bits_of(bf16[i]) == i << 16);
    }
    // Backwards: the same bits, but for signalling NaN.
    const std::vector<uint16_t> back = to_f16(kernels_of(level), f16);
    std::vector<uint16_t> bf16_back(65536);
    kernels_of(level).conversions.to_bf16(bf16.data(), 65536, bf16_back.data());
    for (uint32_t i = 0; i < 65536; i++) {
      CHECK(back[i] == ((i & 0x7fff) > 0x7c00 ? i | 0x200 : i));
      CHECK(bf16_back[i] == ((i & 0x7fff) > 0x7f80 ? i | 0x40 : i));
    }
  }
}

// Between all neighbours: a quarter of the way, just before the middle, the middle, just behind it.
TEST(floats_round_to_the_nearest_half_and_ties_to_even) {
  std::vector<float> x;
  std::vector<uint16_t> expected;
  for (uint32_t i = 0; i < 0x7c00; i++) {
    const double low = value_of_half(i);
    const float middle = float((low + value_of_half(i + 1)) / 2);
    for (const uint32_t sign : {0u, 0x8000u}) {
      const float factor = sign ? -1 : 1;
      x.insert(x.end(), {factor * float(low * 0.75 + value_of_half(i + 1) * 0.25),
                         factor * std::nextafter(middle, 0.0f), factor * middle,
                         factor * std::nextafter(middle, kInf)});
      for (const uint32_t half : {i, i, i + (i & 1), i + 1}) expected.push_back(uint16_t(sign | half));
    }
  }
  for (const float value : {1e-45f, 1e-38f, 1e5f, 1e38f, kInf}) {
    x.push_back(value);
    expected.push_back(value < 1 ? 0 : 0x7c00);
  }
  for (const Level level : levels()) CHECK(to_f16(kernels_of(level), x) == expected);
}

TEST(floats_round_to_the_nearest_bfloat16_and_ties_to_even) {
  std::vector<float> x;
  std::vector<uint16_t> expected;
  for (uint32_t i = 0; i < 0x7f80; i++) {
    for (const uint32_t sign : {0u, 0x8000u}) {
      for (const uint32_t below : {0x0001u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
        x.push_back(std::bit_cast<float>((sign | i) << 16 | below));
        expected.push_back(uint16_t(sign | (below < 0x8000 ? i : below > 0x8000 ? i + 1 : i + (i & 1))));
      }
    }
  }
  x.push_back(std::bit_cast<float>(0x7f800001u));
  expected.push_back(0x7fc0);
  for (const Level level : levels()) {
    std::vector<uint16_t> out(x.size());
    kernels_of(level).conversions.to_bf16(x.data(), x.size(), out.data());
    CHECK(out == expected);
  }
}

TEST(conversions_of_every_length_stay_in_their_memory) {
  Random random(5);
  for (const Level level : levels()) {
    const Conversions& kernels = kernels_of(level).conversions;
    for (size_t n = 0; n <= 200; n++) {
      const std::vector<float> x = random.vector(n);
      std::vector<uint16_t> half(n), brain(n);
      std::vector<float> back(n), bits_back(n);
      kernels.to_f16(x.data(), n, half.data());
      kernels.from_f16(half.data(), n, back.data());
      for (size_t i = 0; i < n; i++) {
        CHECK(std::fabs(back[i] - x[i]) <= std::fabs(x[i]) * 0x1p-11f + 0x1p-25f);
      }
      kernels.to_bf16(x.data(), n, brain.data());
      kernels.from_bf16(brain.data(), n, back.data());
      for (size_t i = 0; i < n; i++) CHECK(std::fabs(back[i] - x[i]) <= std::fabs(x[i]) * 0x1p-8f);
      float largest = 0;
      for (const float value : x) largest = std::fmax(largest, std::fabs(value));
      CHECK(kernels.largest_size(x.data(), n) == largest);
      for (const uint8_t flip : {0, 0x80}) {
        std::vector<uint8_t> bits((n + 7) / 8, 0xff);
        kernels.pack_bits(x.data(), n, flip, bits.data());
        kernels.unpack_bits(bits.data(), n, flip, bits_back.data());
        for (size_t i = 0; i < n; i++) {
          CHECK(((bits[i / 8] ^ flip) >> (7 - i % 8) & 1) == (x[i] > 0));
          CHECK(bits_back[i] == (x[i] > 0));
        }
        if (n % 8) CHECK(uint8_t((bits[n / 8] ^ flip) << n % 8) == 0);
      }
    }
  }
}

TEST(largest_size_finds_what_is_not_finite) {
  for (const Level level : levels()) {
    for (const size_t n : {1, 7, 16, 33, 100}) {
      for (size_t at = 0; at < n; at++) {
        std::vector<float> x(n, -3);
        x[at] = -kInf;
        CHECK(kernels_of(level).conversions.largest_size(x.data(), n) == kInf);
        x[at] = -std::numeric_limits<float>::quiet_NaN();
        CHECK(std::isnan(kernels_of(level).conversions.largest_size(x.data(), n)));
      }
    }
  }
}

TEST(scaled_codes_are_within_half_a_scale) {
  Random random(6);
  for (const Level level : levels()) {
    const Kernels& kernels = kernels_of(level);
    for (const float size : {1.0f, 1e-30f, 1e-37f, 1e-44f, 1e38f}) {
      for (const size_t dims : {1, 8, 31, 64, 384}) {
        std::vector<float> x = random.vector(dims, size), back(dims);
        std::vector<int8_t> codes(dims);
        const float scale = quantize_scaled(kernels, x.data(), dims, codes.data());
        dequantize_scaled_rows(kernels, codes.data(), &scale, 1, dims, back.data());
        for (size_t i = 0; i < dims; i++) {
          CHECK(std::fabs(double(x[i]) - double(codes[i]) * double(scale)) <= double(scale) * 0.50001);
          CHECK(back[i] == float(codes[i]) * scale);
          CHECK(codes[i] >= -127);
        }
      }
    }
    std::vector<float> zero(9, -0.0f);
    std::vector<int8_t> codes(9, 1);
    CHECK(quantize_scaled(kernels, zero.data(), 9, codes.data()) == 0);
    CHECK(codes == std::vector<int8_t>(9, 0));
    zero[8] = kInf;
    CHECK(std::isnan(quantize_scaled(kernels, zero.data(), 9, codes.data())));
    const float ties[] = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f};
    quantize_scaled(kernels, ties, 6, codes.data());
    CHECK(codes[1] == 0 && codes[2] == 2 && codes[3] == 2 && codes[4] == 0 && codes[5] == -2);
  }
}

TEST(buckets_follow_their_definition) {
  Random random(7);
  for (const Level level : levels()) {
    const Kernels& kernels = kernels_of(level);
    for (const size_t dims : {1, 5, 16, 100}) {
      const size_t rows = 20;
      std::vector<float> x = random.vector(rows * dims), ranges(2 * dims), back(rows * dims);
      for (size_t r = 0; r < rows; r++) x[r * dims] = 3;  // a dimension without any spread
      CHECK(find_ranges(kernels, x.data(), rows / 2, dims, ranges.data()) == kAllFinite);
      std::vector<uint8_t> unsigned_codes(rows * dims), signed_codes(rows * dims);
      CHECK(quantize_ranges(kernels, x.data(), rows, dims, ranges.data(), 0, unsigned_codes.data()) ==
            kAllFinite);
      quantize_ranges(kernels, x.data(), rows, dims, ranges.data(), 0x80, signed_codes.data());
      dequantize_ranges(kernels, signed_codes.data(), rows, dims, ranges.data(), 0x80, back.data());
      for (size_t i = 0; i < x.size(); i++) {
        const float start = ranges[i % dims];
        float step = (ranges[dims + i % dims] - start) / 255;
        if (step == 0) step = 1;
        const float place = std::floor((x[i] - start) / step);
        CHECK(unsigned_codes[i] == (place < 0 ? 0 : place > 255 ? 255 : int(place)));
        CHECK(int8_t(signed_codes[i]) == int(unsigned_codes[i]) - 128);
        CHECK(back[i] == float(double(unsigned_codes[i]) * double(step) + double(start)));
      }
      x[7 * dims] = kInf;
      CHECK(find_ranges(kernels, x.data(), rows, dims, ranges.data()) == 7);
      CHECK(quantize_ranges(kernels, x.data(), rows, dims, ranges.data(), 0, unsigned_codes.data()) == 7);
    }
  }
}

}  // namespace
}  // namespace embedlane::test
