#pragma once

// What the instruction-set files need before they can define their vectors. Macros only: see kernels-inl.h.

// Always inlined, not just for speed: gcc takes a function that only prefetches for one without effects and
// drops the calls.
#if defined(__GNUC__)
#define EMBEDLANE_INLINE inline __attribute__((always_inline))
#define EMBEDLANE_UNROLL _Pragma("GCC unroll 64")
#define EMBEDLANE_ONE_BY_ONE _Pragma("GCC unroll 1")
#else
#define EMBEDLANE_INLINE __forceinline
#define EMBEDLANE_UNROLL
#define EMBEDLANE_ONE_BY_ONE
#endif
