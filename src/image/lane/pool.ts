import { Worker } from 'node:worker_threads';
import { EmbedlaneError } from '../../core/errors.js';
import { fromWire, type WireError } from '../../runtime/protocol.js';
import { createAdmission } from '../decode/admission.js';
import { loadSharp } from '../decode/sharp.js';
import type { Prepared } from './prepare.js';
import type { PreparationParams, WireImage } from './protocol.js';

/** `workerData` of a thread. */
export interface WorkerParams {
  params: PreparationParams;
  admission: SharedArrayBuffer;
}

export type ToWorker = { id: number; job: number; image: WireImage } | { cancel: number };

export type FromWorker =
  | { id: number; prepared: Prepared }
  | { id: number; error: WireError }
  | { id: number; cancelled: true };

interface Task {
  worker: number;
  resolve(prepared: Prepared): void;
  reject(error: EmbedlaneError): void;
}

/**
 * Threads that decode and resize while the model occupies this one. Every picture is handed to its thread at
 * once, because this thread cannot hand out anything during a run of the model.
 */
export class PreparationPool {
  readonly #workers: Worker[];
  readonly #load: number[];
  readonly #tasks = new Map<number, Task>();
  #nextId = 0;

  private constructor(workers: Worker[]) {
    this.#workers = workers;
    this.#load = workers.map(() => 0);
    workers.forEach((worker) => {
      worker.on('message', (message: FromWorker) => this.#receive(message));
      worker.on('error', (cause) => this.#fail(cause));
    });
  }

  static async start(count: number, params: PreparationParams): Promise<PreparationPool> {
    // The decoder's library has to be in the process before threads ask for it: it initialises only once.
    await loadSharp();
    const workerData: WorkerParams = { params, admission: createAdmission() };
    const entry = new URL('./worker.js', import.meta.url);
    const workers = Array.from({ length: count }, () => new Worker(entry, { workerData }));
    return new PreparationPool(workers);
  }

  /**
   * Prepares one picture; rejects with its error, or `ERR_ABORTED` if the job was cancelled first. Its bytes move to
   * another thread: their memory must be theirs alone, and is gone afterwards.
   */
  prepare(job: number, image: WireImage): Promise<Prepared> {
    const worker = this.#load.indexOf(Math.min(...this.#load));
    const id = this.#nextId++;
    this.#load[worker]++;
    return new Promise((resolve, reject) => {
      this.#tasks.set(id, { worker, resolve, reject });
      this.#post(worker, { id, job, image }, image.bytes ? [image.bytes.buffer as ArrayBuffer] : []);
    });
  }

  /** Drops what has not started of a job. */
  cancel(job: number): void {
    this.#workers.forEach((_, worker) => {
      this.#post(worker, { cancel: job });
    });
  }

  #post(worker: number, message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#workers[worker].postMessage(message, transfer);
  }

  #receive(message: FromWorker): void {
    const task = this.#tasks.get(message.id);
    if (!task) return;
    this.#tasks.delete(message.id);
    this.#load[task.worker]--;
    if ('prepared' in message) task.resolve(message.prepared);
    else if ('error' in message) task.reject(fromWire(message.error));
    else task.reject(new EmbedlaneError('ERR_ABORTED', 'The operation was aborted'));
  }

  /** A thread that fails as a whole is out of memory or broken: the lane is replaced, and its work done again. */
  #fail(cause: unknown): never {
    throw cause;
  }
}
