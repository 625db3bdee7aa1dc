#include "frames-inl.h"

const embedlane::MelKernel embedlane::avx512_mel = embedlane::mel;
