#include "dispatch.h"

#include <atomic>
#include <cstdint>
#include <initializer_list>

#if defined(__x86_64__) || defined(_M_X64)
#define EMBEDLANE_X86 1
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif defined(__aarch64__) || defined(_M_ARM64)
#define EMBEDLANE_ARM 1
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(_WIN32)
#include <windows.h>
#endif
#endif

namespace embedlane {
namespace {

constexpr const char* kNames[kLevelCount] = {"scalar",      "avx2", "avx512",
                                             "avx512_vnni", "neon", "neon_dotprod"};

#if defined(EMBEDLANE_X86)

struct Registers {
  uint32_t a, b, c, d;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r{};
#if defined(_MSC_VER)
  int out[4];
  __cpuidex(out, int(leaf), int(subleaf));
  r = {uint32_t(out[0]), uint32_t(out[1]), uint32_t(out[2]), uint32_t(out[3])};
#else
  __cpuid_count(leaf, subleaf, r.a, r.b, r.c, r.d);
#endif
  return r;
}

// Which register files the operating system saves on a context switch.
uint64_t xcr0() {
#if defined(_MSC_VER)
  return _xgetbv(0);
#else
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
#endif
}

bool all(uint32_t word, std::initializer_list<int> bits) {
  for (const int bit : bits) {
    if (!(word >> bit & 1)) return false;
  }
  return true;
}

// Intel's cores (measured on Emerald Rapids) start a VDPBF16PS every second cycle and two multiply-adds of
// float32 in each, which is twice as many products: widening the rows of a batch takes half as long. AMD's
// (Zen 5) are 1.7 times as fast with VDPBF16PS.
bool multiplies_bf16_slowly() {
  const Registers r = cpuid(0, 0);
  return r.b == 0x756e6547 && r.d == 0x49656e69 && r.c == 0x6c65746e;  // "GenuineIntel"
}

const Tiles& best_avx512_vnni_tiles() {
  static const Tiles tiles = [] {
    Tiles all = avx512_vnni_tiles();
    if (multiplies_bf16_slowly()) all.bf16 = avx512_tiles().bf16;
    return all;
  }();
  return tiles;
}

uint32_t detect() {
  uint32_t found = 1u << unsigned(Level::kScalar);
  if (cpuid(0, 0).a < 7) return found;
  const Registers one = cpuid(1, 0);
  const Registers seven = cpuid(7, 0);
  const Registers seven_one = seven.a >= 1 ? cpuid(7, 1) : Registers{};
  if (!all(one.c, {27, 28})) return found;  // OSXSAVE, AVX
  const uint64_t saved = xcr0();
  const bool ymm = (saved & 0x06) == 0x06;
  const bool zmm = (saved & 0xe6) == 0xe6;
  if (!ymm || !all(one.c, {12, 29}) || !all(seven.b, {5})) return found;  // FMA, F16C; AVX2
  found |= 1u << unsigned(Level::kAvx2);
  if (!zmm || !all(seven.b, {16, 17, 30, 31})) return found;  // AVX-512 F, DQ, BW, VL
  found |= 1u << unsigned(Level::kAvx512);
  if (!all(seven.c, {11, 14}) || !all(seven_one.a, {5})) return found;  // VNNI, VPOPCNTDQ; BF16
  return found | 1u << unsigned(Level::kAvx512Vnni);
}

#elif defined(EMBEDLANE_ARM)

bool has_dotprod() {
#if defined(__linux__)
  return getauxval(AT_HWCAP) >> 20 & 1;  // HWCAP_ASIMDDP
#elif defined(__APPLE__)
  int value = 0;
  size_t size = sizeof(value);
  return sysctlbyname("hw.optional.arm.FEAT_DotProd", &value, &size, nullptr, 0) == 0 && value != 0;
#elif defined(_WIN32)
  return IsProcessorFeaturePresent(43);  // PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE
#else
  return false;
#endif
}

uint32_t detect() {
  // Advanced SIMD is part of the AArch64 baseline.
  const uint32_t found = 1u << unsigned(Level::kScalar) | 1u << unsigned(Level::kNeon);
  return has_dotprod() ? found | 1u << unsigned(Level::kNeonDotprod) : found;
}

#else

uint32_t detect() { return 1u << unsigned(Level::kScalar); }

#endif

uint32_t available() {
  static const uint32_t found = detect();
  return found;
}

Level highest() {
  int level = kLevelCount - 1;
  while (!(available() >> level & 1)) level--;
  return Level(level);
}

std::atomic<Level>& current() {
  static std::atomic<Level> level{highest()};
  return level;
}

}  // namespace

const char* level_name(Level level) { return kNames[size_t(level)]; }

bool level_available(Level level) { return available() >> unsigned(level) & 1; }

Level current_level() { return current().load(std::memory_order_relaxed); }

bool set_level(Level level) {
  if (!level_available(level)) return false;
  current().store(level, std::memory_order_relaxed);
  return true;
}

const Kernels& kernels_of(Level level) {
  switch (level) {
#if defined(EMBEDLANE_X86)
    case Level::kAvx2:
      return avx2_kernels();
    case Level::kAvx512:
      return avx512_kernels();
    case Level::kAvx512Vnni:
      return avx512_vnni_kernels();
#elif defined(EMBEDLANE_ARM)
    case Level::kNeon:
      return neon_kernels();
    case Level::kNeonDotprod:
      return neon_dotprod_kernels();
#endif
    default:
      return scalar_kernels();
  }
}

const Tiles& tiles_of(Level level) {
  switch (level) {
#if defined(EMBEDLANE_X86)
    case Level::kAvx2:
      return avx2_tiles();
    case Level::kAvx512:
      return avx512_tiles();
    case Level::kAvx512Vnni:
      return best_avx512_vnni_tiles();
#elif defined(EMBEDLANE_ARM)
    case Level::kNeon:
      return neon_tiles();
    case Level::kNeonDotprod:
      return neon_dotprod_tiles();
#endif
    default:
      return scalar_tiles();
  }
}

const Kernels& current_kernels() { return kernels_of(current_level()); }

}  // namespace embedlane
