#include "frames-inl.h"

const embedlane::MelKernel embedlane::avx2_mel = embedlane::mel;
