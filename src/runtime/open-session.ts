import * as ort from 'onnxruntime-node';
import { EmbedlaneError } from '../core/errors.js';

export interface SessionOptions {
  /** Absolute path of the `.onnx` file. */
  file: string;
  /** Threads within an operator; 0 lets onnxruntime count the physical cores. */
  threads: number;
  /** Microseconds for which a thread without work keeps its core busy before it sleeps; 0 for not at all. */
  spin: number;
}

/**
 * Opens a graph with the settings that every lane uses.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if onnxruntime refuses the file
 */
export async function openSession({ file, threads, spin }: SessionOptions): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(file, {
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
    });
  } catch (cause) {
    throw refused(file, cause as Error);
  }
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
