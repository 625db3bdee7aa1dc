// A value of kLanes frames side by side. The including file defines kLanes.
//
// Compilers of the GNU family have such vectors in their language; with another one, loops that it may make
// vectors of.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../kernels/compiler.h"

namespace embedlane {
namespace {

constexpr uint64_t kMantissaBits = 0x000fffffffffffffu;
constexpr uint64_t kOneBits = 0x3ff0000000000000u;
// Before an exponent these bits make a double of 2^52 + exponent, exactly.
constexpr uint64_t kTwo52Bits = 0x4330000000000000u;

#if defined(__GNUC__)

typedef double T __attribute__((vector_size(8 * kLanes)));
typedef uint64_t TBits __attribute__((vector_size(8 * kLanes)));
typedef float TFloats __attribute__((vector_size(4 * kLanes)));

EMBEDLANE_INLINE T where_greater(T a, T b, T yes, T no) { return a > b ? yes : no; }
EMBEDLANE_INLINE T mantissa_of(T a) { return (T)(((TBits)a & kMantissaBits) | kOneBits); }
EMBEDLANE_INLINE T two52_and_exponent_of(T a) { return (T)(((TBits)a >> 52) | kTwo52Bits); }
EMBEDLANE_INLINE void store_floats(float* out, T a) {
  const TFloats floats = __builtin_convertvector(a, TFloats);
  memcpy(out, &floats, sizeof floats);
}

#else

struct T {
  double v[kLanes];
};

#define EMBEDLANE_LANES(expression)                          \
  T r;                                                       \
  for (size_t i = 0; i < kLanes; i++) r.v[i] = (expression); \
  return r

EMBEDLANE_INLINE T operator+(const T& a, const T& b) { EMBEDLANE_LANES(a.v[i] + b.v[i]); }
EMBEDLANE_INLINE T operator-(const T& a, const T& b) { EMBEDLANE_LANES(a.v[i] - b.v[i]); }
EMBEDLANE_INLINE T operator*(const T& a, const T& b) { EMBEDLANE_LANES(a.v[i] * b.v[i]); }
EMBEDLANE_INLINE T operator/(const T& a, const T& b) { EMBEDLANE_LANES(a.v[i] / b.v[i]); }
EMBEDLANE_INLINE T operator+(const T& a, double b) { EMBEDLANE_LANES(a.v[i] + b); }
EMBEDLANE_INLINE T operator-(const T& a, double b) { EMBEDLANE_LANES(a.v[i] - b); }
EMBEDLANE_INLINE T operator*(const T& a, double b) { EMBEDLANE_LANES(a.v[i] * b); }
EMBEDLANE_INLINE T where_greater(const T& a, const T& b, const T& yes, const T& no) {
  EMBEDLANE_LANES(a.v[i] > b.v[i] ? yes.v[i] : no.v[i]);
}
EMBEDLANE_INLINE double with_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
EMBEDLANE_INLINE uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
EMBEDLANE_INLINE T mantissa_of(const T& a) {
  EMBEDLANE_LANES(with_bits((bits_of(a.v[i]) & kMantissaBits) | kOneBits));
}
EMBEDLANE_INLINE T two52_and_exponent_of(const T& a) {
  EMBEDLANE_LANES(with_bits((bits_of(a.v[i]) >> 52) | kTwo52Bits));
}
EMBEDLANE_INLINE void store_floats(float* out, const T& a) {
  for (size_t i = 0; i < kLanes; i++) out[i] = float(a.v[i]);
}

#undef EMBEDLANE_LANES

#endif

EMBEDLANE_INLINE T load_lanes(const double* from) {
  T a;
  memcpy(&a, from, sizeof a);
  return a;
}

EMBEDLANE_INLINE void store_lanes(double* to, const T& a) { memcpy(to, &a, sizeof a); }

EMBEDLANE_INLINE T all_lanes(double a) { return T{} + a; }

}  // namespace
}  // namespace embedlane
