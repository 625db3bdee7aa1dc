/** No contender that loads onnxruntime spends time on reports to its makers; embedlane never does. */
process.env.ORT_DISABLE_TELEMETRY ??= '1';
