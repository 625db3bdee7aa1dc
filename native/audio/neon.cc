#include "frames-inl.h"

const embedlane::MelKernel embedlane::neon_mel = embedlane::mel;
