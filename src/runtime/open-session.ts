import * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../core/errors.js';
import { deviceError } from './device-error.js';
import { guarded } from './exit-guard.js';
import { reportDevice } from './lane-host.js';
import { accelerator, type Device, type SessionSettings } from './options.js';

export interface SessionOptions extends Omit<SessionSettings, 'warmUp'> {
  /** Absolute path of the `.onnx` file. */
  file: string;
}

type CreateSession = (
  file: string,
  options: ort.InferenceSession.SessionOptions,
) => Promise<ort.InferenceSession>;

/**
 * Opens a graph with the settings that every lane uses.
 *
 * @param create opens a graph in onnxruntime
 * @param report hears where it will be computed, and why not on an accelerator that was tried
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if onnxruntime refuses the file, `ERR_DEVICE` if only the device
 *   cannot be used
 */
export async function openSession(
  { file, device, deviceId, threads, spin }: SessionOptions,
  create: CreateSession = (path, options) => guarded(() => ort.InferenceSession.create(path, options)),
  report: (device: Device, warning?: string) => void = reportDevice,
): Promise<ort.InferenceSession> {
  const settings = configuration(threads, spin);
  const openOnCpu = async () => {
    try {
      return await create(file, settings);
    } catch (cause) {
      throw refused(file, cause as Error);
    }
  };
  const wanted = device === 'auto' ? (accelerator() ?? 'cpu') : device;
  if (wanted === 'cpu') {
    const session = await openOnCpu();
    report('cpu');
    return session;
  }
  try {
    const session = await create(file, {
      ...settings,
      executionProviders: [wanted === 'coreml' ? { name: wanted } : { name: wanted, deviceId }],
    });
    report(wanted);
    return session;
  } catch (cause) {
    // A graph that the CPU refuses too is the graph's fault, which has an error of its own.
    const session = await openOnCpu();
    const error = deviceError(wanted, cause as Error);
    if (device === 'auto') {
      report('cpu', `${error.message}. The CPU is used instead.`);
      return session;
    }
    await session.release();
    throw error;
  }
}

function configuration(threads: number, spin: number): ort.InferenceSession.SessionOptions {
  return {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Its cache of allocation plans grows by one entry per new shape, and shapes here never stop coming.
    enableMemPattern: false,
    enableCpuMemArena: true,
    logSeverityLevel: 3,
    // By default onnxruntime spins for long: that burns cores which the caller's own code needs.
    extra: {
      session: { intra_op: { allow_spinning: spin > 0 ? '1' : '0', spin_duration_us: String(spin) } },
    },
  };
}

/**
 * onnxruntime's own checks are the ones that count here, also those of external data: it reads none from
 * outside the folder of the graph.
 */
function refused(file: string, cause: Error): EmbedlaneError {
  const why = /external data/i.test(cause.message) ? `: ${cause.message}` : '';
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected a valid ONNX model in ${file} but onnxruntime refused it${why}`,
    { cause },
  );
}
