#include "frames-inl.h"

void embedlane::scalar_mel(const MelPlan& plan, const float* samples, double* scratch, double* out) {
  mel(plan, samples, scratch, out);
}
