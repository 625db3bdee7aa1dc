#include "frames-inl.h"

void embedlane::neon_mel(const MelPlan& plan, const double* windowed, double* scratch, double* out) {
  mel(plan, windowed, scratch, out);
}
