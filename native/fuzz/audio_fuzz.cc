// Sound: any samples and parameters that the addon's argument layer lets through.
#include <algorithm>
#include <atomic>

#include "../audio/log_mel.h"
#include "../audio/resample.h"
#include "../kernels/dispatch.h"
#include "input.h"

namespace embedlane::fuzz {
namespace {

const std::atomic<bool> kGoOn{false};

void resample(FuzzedDataProvider& in) {
  ResampleInput input;
  input.phases = in.ConsumeIntegralInRange<size_t>(1, 40);
  input.taps = in.ConsumeIntegralInRange<size_t>(2, 70);
  const bool any = in.ConsumeBool();
  const uint64_t most = any ? 0xffffffff : 500;
  input.first = in.ConsumeIntegralInRange<uint64_t>(0, most);
  input.step = in.ConsumeIntegralInRange<uint64_t>(1, most);
  input.denominator = in.ConsumeIntegralInRange<uint64_t>(1, most);
  std::vector<float> out(in.ConsumeIntegralInRange<size_t>(0, 5000));
  const std::vector<float> bank = values<float>(in, (input.phases + 1) * input.taps);
  const std::vector<float> samples = values<float>(in, in.ConsumeIntegralInRange<size_t>(0, 5000));
  input.samples = samples.data();
  input.sample_count = samples.size();
  input.bank = bank.data();
  input.out = out.data();
  input.out_count = out.size();
  if (Resampling::fits(input)) Resampling(current_kernels(), input).work(kGoOn);
}

void log_mel(FuzzedDataProvider& in) {
  MelInput input;
  input.fft_size = in.ConsumeIntegralInRange<size_t>(4, 500);
  if (!LogMel::supports(input.fft_size)) return;
  const std::vector<float> samples = values<float>(in, in.ConsumeIntegralInRange<size_t>(0, 3000));
  input.samples = samples.data();
  input.sample_count = samples.size();
  input.total = std::max(samples.size(), input.fft_size / 2 + 1) + in.ConsumeIntegralInRange<size_t>(0, 2000);
  input.hop = in.ConsumeIntegralInRange<size_t>(1, 300);
  input.frames = in.ConsumeIntegralInRange<size_t>(1, std::min<size_t>(300, input.total / input.hop + 1));
  const std::vector<double> window = values<double>(in, input.fft_size);
  input.window = window.data();
  const size_t bins = input.fft_size / 2 + 1;
  std::vector<uint32_t> starts(in.ConsumeIntegralInRange<size_t>(1, 20)), counts(starts.size());
  size_t used = 0;
  for (size_t m = 0; m < starts.size(); m++) {
    starts[m] = in.ConsumeIntegralInRange<uint32_t>(0, uint32_t(bins));
    counts[m] = in.ConsumeIntegralInRange<uint32_t>(0, uint32_t(bins) - starts[m]);
    used += counts[m];
  }
  const std::vector<double> weights = values<double>(in, used);
  std::vector<float> out(starts.size() * input.frames);
  input.mels = starts.size();
  input.starts = starts.data();
  input.counts = counts.data();
  input.weights = weights.data();
  input.floor = 1e-10;
  input.out = out.data();
  input.whisper = in.ConsumeBool();
  LogMel work(input);
  work.work(kGoOn);
  work.finish();
}

}  // namespace

void run(FuzzedDataProvider& in) {
  if (in.ConsumeBool()) {
    resample(in);
  } else {
    log_mel(in);
  }
}

}  // namespace embedlane::fuzz
