#include "frames-inl.h"

const embedlane::MelKernel embedlane::scalar_mel = embedlane::mel;
