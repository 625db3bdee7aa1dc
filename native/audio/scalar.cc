#include "frames-inl.h"

void embedlane::scalar_mel(const MelPlan& plan, const double* windowed, double* scratch, double* out) {
  mel(plan, windowed, scratch, out);
}
