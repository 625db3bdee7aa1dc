#include "audio.h"

#include <algorithm>
#include <cmath>

#include "../audio/log_mel.h"
#include "../audio/resample.h"
#include "../kernels/dispatch.h"
#include "args.h"
#include "task.h"

namespace embedlane {
namespace {

constexpr double kMost = 4294967295;

double number(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  throw_error(object.Env(), "ERR_INVALID_ARG", std::string("Expected a number for ") + name);
}

bool boolean(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  throw_error(object.Env(), "ERR_INVALID_ARG", std::string("Expected a boolean for ") + name);
}

size_t whole(const Napi::Object& object, const char* name, double min) {
  const double value = number(object, name);
  if (value >= min && value <= kMost && value == std::floor(value)) return size_t(value);
  throw_error(object.Env(), "ERR_INVALID_ARG", std::string("Expected an integer in range for ") + name);
}

Napi::Object spec_of(const Napi::CallbackInfo& info, size_t index) {
  if (info[index].IsObject()) return info[index].As<Napi::Object>();
  throw_error(info.Env(), "ERR_INVALID_ARG", "Expected an object for argument " + std::to_string(index));
}

void check_bands(Napi::Env env, const MelInput& input, size_t weights) {
  const size_t bins = input.fft_size / 2 + 1;
  size_t used = 0;
  for (size_t m = 0; m < input.mels; m++) {
    if (input.starts[m] > bins || input.counts[m] > bins - input.starts[m]) {
      throw_error(env, "ERR_INVALID_ARG", "Expected mel bands within the spectrum");
    }
    used += input.counts[m];
  }
  if (used != weights) throw_error(env, "ERR_DIMENSION", "Expected a weight for every bin of every band");
}

}  // namespace

Napi::Value log_mel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object spec = spec_of(info, 1);
  MelInput input;
  input.total = whole(spec, "total", 1);
  input.fft_size = whole(spec, "fftSize", 4);
  input.hop = whole(spec, "hop", 1);
  input.frames = whole(spec, "frames", 1);
  input.floor = number(spec, "floor");
  input.whisper = boolean(spec, "whisper");
  // Only now, because the properties may be getters.
  const Span<float> samples = floats(info, 0);
  const Span<double> window = doubles(info, 2);
  const Span<uint32_t> starts = words(info, 3);
  const Span<uint32_t> counts = words(info, 4);
  const Span<double> weights = doubles(info, 5);
  const size_t threads = integer(info, 6, 1, kMost);
  const Span<float> out = floats(info, 7);
  input.samples = samples.data;
  input.sample_count = samples.length;
  input.window = window.data;
  input.mels = starts.length;
  input.starts = starts.data;
  input.counts = counts.data;
  input.weights = weights.data;
  input.out = out.data;
  if (window.length != input.fft_size || counts.length != input.mels || input.mels == 0 ||
      out.length != product(env, input.mels, input.frames)) {
    throw_error(env, "ERR_DIMENSION", "Expected a window, bands and a result of matching sizes");
  }
  if (!LogMel::supports(input.fft_size) || input.fft_size > 65536 || input.total <= input.fft_size / 2 ||
      samples.length > input.total || input.frames - 1 > input.total / input.hop ||
      !(input.floor >= 1e-300 && input.floor <= 1e300)) {
    throw_error(env, "ERR_INVALID_ARG", "Expected a transform that can be computed");
  }
  check_bands(env, input, weights.length);
  return start_work<LogMel>(info, threads, input);
}

Napi::Value resample(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object spec = spec_of(info, 2);
  ResampleInput input;
  input.phases = whole(spec, "phases", 1);
  input.taps = whole(spec, "taps", 2);
  input.first = whole(spec, "first", 0);
  input.step = whole(spec, "step", 1);
  input.denominator = whole(spec, "denominator", 1);
  // Only now, because the properties may be getters.
  const Span<float> samples = floats(info, 0);
  const Span<float> bank = floats(info, 1);
  const size_t threads = integer(info, 3, 1, kMost);
  const Span<float> out = floats(info, 4);
  input.samples = samples.data;
  input.sample_count = samples.length;
  input.bank = bank.data;
  input.out = out.data;
  input.out_count = out.length;
  if (bank.length != product(env, input.phases + 1, input.taps) || !Resampling::fits(input)) {
    throw_error(env, "ERR_DIMENSION", "Expected filters and samples for every output");
  }
  return start_work<Resampling>(info, threads, current_kernels(), input);
}

}  // namespace embedlane
