/**
 * onnxruntime's variable that keeps it from sending what it loads and runs to its makers: from 1.29 on it does so on
 * all systems but Windows unless the variable is there when the library is loaded, and keeps an identifier of the
 * machine and a database of events in the user's cache (microsoft/onnxruntime#27379).
 */
const VARIABLE = 'ORT_DISABLE_TELEMETRY';

/** For the environment of a process that will load onnxruntime; what the user has decided stays. */
export function withoutTelemetry(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, [VARIABLE]: env[VARIABLE] ?? '1' };
}

/** The same for this process. Native code sees what the main thread sets, not what a worker thread does. */
export function disableTelemetry(): void {
  process.env[VARIABLE] ??= '1';
}
