#include "crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#define EMBEDLANE_CRC_X64
#include <nmmintrin.h>
#if defined(_MSC_VER)
#include <intrin.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#define EMBEDLANE_CRC_ARM64
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(_WIN32)
#define EMBEDLANE_CRC_ARM64
#include <arm_acle.h>
#include <windows.h>
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#define EMBEDLANE_CRC_ARM64
#include <arm_acle.h>
#endif

namespace embedlane {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ kPolynomial : crc >> 1;
    table[byte] = crc;
  }
  return table;
}

uint32_t portable(const uint8_t* data, size_t length, uint32_t crc) {
  static constexpr std::array<uint32_t, 256> kTable = make_table();
  for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ kTable[(crc ^ data[i]) & 255];
  return crc;
}

#if defined(EMBEDLANE_CRC_X64) || defined(EMBEDLANE_CRC_ARM64)

#if defined(EMBEDLANE_CRC_X64)
#if defined(_MSC_VER)
#define EMBEDLANE_CRC_TARGET
#else
#define EMBEDLANE_CRC_TARGET __attribute__((target("sse4.2,crc32")))
#endif
#define EMBEDLANE_CRC_WORD(crc, word) _mm_crc32_u64(crc, word)
#define EMBEDLANE_CRC_BYTE(crc, byte) _mm_crc32_u8(uint32_t(crc), byte)
#else
#if defined(__ARM_FEATURE_CRC32)
#define EMBEDLANE_CRC_TARGET
#else
#define EMBEDLANE_CRC_TARGET __attribute__((target("+crc")))
#endif
#define EMBEDLANE_CRC_WORD(crc, word) __crc32cd(uint32_t(crc), word)
#define EMBEDLANE_CRC_BYTE(crc, byte) __crc32cb(uint32_t(crc), byte)
#endif

// The instruction takes three cycles and can start in each, so three stretches are summed side by side and
// joined: the CRC of a stretch followed by n zero bytes is linear in the CRC of the stretch, hence four table
// look-ups (the method of Mark Adler's crc32c.c).
constexpr size_t kStretch = 4096;

struct ZeroTable {
  uint32_t at[4][256];
};

// Multiplies the 32 × 32 bit matrix (one column a word) with a vector.
constexpr uint32_t times(const std::array<uint32_t, 32>& matrix, uint32_t vector) {
  uint32_t sum = 0;
  for (int i = 0; vector != 0; vector >>= 1, i++) {
    if (vector & 1) sum ^= matrix[size_t(i)];
  }
  return sum;
}

constexpr std::array<uint32_t, 32> squared(const std::array<uint32_t, 32>& matrix) {
  std::array<uint32_t, 32> square{};
  for (size_t i = 0; i < 32; i++) square[i] = times(matrix, matrix[i]);
  return square;
}

// The operator that appends kStretch zero bytes to a CRC.
constexpr ZeroTable make_zeros() {
  std::array<uint32_t, 32> matrix{};  // appends one zero bit
  matrix[0] = kPolynomial;
  for (size_t i = 1; i < 32; i++) matrix[i] = 1u << (i - 1);
  for (size_t bits = 1; bits < kStretch * 8; bits *= 2) matrix = squared(matrix);
  ZeroTable zeros{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    for (int i = 0; i < 4; i++) zeros.at[i][byte] = times(matrix, byte << (8 * i));
  }
  return zeros;
}

const ZeroTable kZeros = make_zeros();

uint32_t shift(uint64_t crc) {
  return kZeros.at[0][crc & 255] ^ kZeros.at[1][crc >> 8 & 255] ^ kZeros.at[2][crc >> 16 & 255] ^
         kZeros.at[3][crc >> 24 & 255];
}

EMBEDLANE_CRC_TARGET uint32_t hardware(const uint8_t* data, size_t length, uint32_t previous) {
  uint64_t crc = previous;
  for (; length >= 3 * kStretch; length -= 3 * kStretch, data += 3 * kStretch) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t i = 0; i < kStretch; i += 8) {
      uint64_t words[3];
      std::memcpy(&words[0], data + i, 8);
      std::memcpy(&words[1], data + kStretch + i, 8);
      std::memcpy(&words[2], data + 2 * kStretch + i, 8);
      crc = EMBEDLANE_CRC_WORD(crc, words[0]);
      second = EMBEDLANE_CRC_WORD(second, words[1]);
      third = EMBEDLANE_CRC_WORD(third, words[2]);
    }
    crc = shift(shift(crc) ^ second) ^ third;
  }
  for (; length >= 8; length -= 8, data += 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    crc = EMBEDLANE_CRC_WORD(crc, word);
  }
  for (; length > 0; length--, data++) crc = EMBEDLANE_CRC_BYTE(crc, *data);
  return uint32_t(crc);
}

bool has_hardware() {
#if defined(EMBEDLANE_CRC_X64) && defined(_MSC_VER)
  int registers[4];
  __cpuid(registers, 1);
  return registers[2] >> 20 & 1;
#elif defined(EMBEDLANE_CRC_X64)
  return __builtin_cpu_supports("sse4.2");
#elif defined(__linux__)
  return getauxval(AT_HWCAP) & HWCAP_CRC32;
#elif defined(_WIN32)
  return IsProcessorFeaturePresent(PF_ARM_V8_CRC32_INSTRUCTIONS_AVAILABLE);
#else
  return true;
#endif
}

#endif

}  // namespace

uint32_t crc32c(const uint8_t* data, size_t length, uint32_t previous) {
#if defined(EMBEDLANE_CRC_X64) || defined(EMBEDLANE_CRC_ARM64)
  static const bool fast = has_hardware();
  if (fast) return ~hardware(data, length, ~previous);
#endif
  return ~portable(data, length, ~previous);
}

}  // namespace embedlane
