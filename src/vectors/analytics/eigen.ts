import { Worker } from 'node:worker_threads';
import { abortError } from '../../core/abort.js';
import type { EigenInput, EigenOutput } from './eigen-worker.js';

/**
 * Eigenvalues and eigenvectors of a symmetric matrix, in a worker thread: the algorithm (Householder's reduction and
 * implicit QL, by ml-matrix) takes seconds for a thousand columns.
 *
 * @throws {EmbedlaneError} `ERR_ABORTED` if the signal fires
 */
export async function symmetricEigen(
  input: EigenInput,
  signal: AbortSignal | undefined,
): Promise<EigenOutput> {
  const worker = new Worker(new URL('./eigen-worker.js', import.meta.url), { workerData: input });
  let stop = () => {};
  try {
    return await new Promise<EigenOutput>((resolve, reject) => {
      stop = () => reject(abortError(signal as AbortSignal));
      signal?.addEventListener('abort', stop, { once: true });
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  } finally {
    signal?.removeEventListener('abort', stop);
    await worker.terminate();
  }
}
