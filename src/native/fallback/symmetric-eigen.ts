import { EmbedlaneError } from '../../core/errors.js';
import { startThread } from '../../core/start-thread.js';
import type { NativeTask } from '../binding.js';
import type { EigenInput, EigenOutput } from './symmetric-eigen-worker.js';

/** Eigenvalues and eigenvectors by ml-matrix, in a worker thread: a thousand rows take it seconds. */
export function symmetricEigen(
  matrix: Float64Array,
  values: Float64Array,
  vectors: Float64Array,
): NativeTask {
  const n = values.length;
  const program = new URL('./symmetric-eigen-worker.js', import.meta.url);
  const worker = startThread(
    program,
    { workerData: { matrix, n } satisfies EigenInput },
    'The decomposition',
  );
  let cancel = () => {};
  const output = new Promise<EigenOutput>((resolve, reject) => {
    cancel = () => reject(new EmbedlaneError('ERR_ABORTED', 'The operation was aborted'));
    worker.once('message', resolve);
    worker.once('error', reject);
  }).finally(() => worker.terminate());
  const promise = output.then((found) => {
    const order = found.values.map((_, i) => i).sort((a, b) => found.values[b] - found.values[a]);
    order.forEach((from, to) => {
      values[to] = found.values[from];
      if (to * n >= vectors.length) return;
      for (let i = 0; i < n; i++) vectors[to * n + i] = found.vectors[i * n + from];
    });
  });
  return { promise, cancel };
}
