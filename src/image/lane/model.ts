import { EmbedlaneError } from '../../core/errors.js';
import type { NativeBinding } from '../../native/binding.js';
import type { ImageSession } from '../../runtime/image-session.js';
import { toWire } from '../../runtime/protocol.js';
import { BatchScheduler } from '../../runtime/scheduler.js';
import { type ImageOutput, readOutput } from './outputs.js';
import type { PreparationPool } from './pool.js';
import type { Prepared } from './prepare.js';
import type { EmbedImagesParams, ImageReport } from './protocol.js';

interface Ready {
  row: number;
  input: Prepared;
}

/** What the graph gives for each use of it. */
export interface ImageOutputs {
  features: ImageOutput | undefined;
  logits: ImageOutput | undefined;
}

/** Preprocessing, graph and pooling of one model, inside a lane. */
export class ImageModel {
  readonly #session: ImageSession;
  readonly #outputs: ImageOutputs;
  readonly #pool: PreparationPool;
  readonly #binding: NativeBinding;
  readonly #scheduler: BatchScheduler;
  readonly #batchSize: number;
  readonly #cancelled = new Set<number>();
  readonly #windows = new Map<number, number>();

  constructor(
    session: ImageSession,
    outputs: ImageOutputs,
    pool: PreparationPool,
    binding: NativeBinding,
    batchSize: number,
    scheduler = new BatchScheduler(),
  ) {
    this.#session = session;
    this.#outputs = outputs;
    this.#pool = pool;
    this.#binding = binding;
    this.#batchSize = batchSize;
    this.#scheduler = scheduler;
  }

  /** Embeds a window of pictures. Batches run as soon as they are full, while other pictures are being decoded. */
  async embed(params: EmbedImagesParams, report: (value: ImageReport) => void): Promise<void> {
    const { job } = params;
    this.#windows.set(job, (this.#windows.get(job) ?? 0) + 1);
    const runs: Promise<void>[] = [];
    let ready: Ready[] = [];
    const flush = () => {
      const batch = ready;
      ready = [];
      const run = this.#scheduler.run(job, [() => this.#run(batch, params, report)]);
      // Awaited below; until then a failure must not count as unhandled.
      run.catch(() => {});
      runs.push(run);
    };
    try {
      await Promise.all(
        params.images.map(async (image, row) => {
          let input: Prepared;
          try {
            input = await this.#pool.prepare(job, image);
          } catch (error) {
            if ((error as EmbedlaneError).code === 'ERR_ABORTED') throw error;
            report({ row, error: toWire(error) });
            return;
          }
          if (ready.length > 0 && !sameSize(ready[0].input, input)) flush();
          ready.push({ row, input });
          if (ready.length === this.#batchSize) flush();
        }),
      );
      if (this.#cancelled.has(job)) throw new EmbedlaneError('ERR_ABORTED', 'The operation was aborted');
      if (ready.length > 0) flush();
      await Promise.all(runs);
    } finally {
      const left = (this.#windows.get(job) ?? 1) - 1;
      if (left > 0) this.#windows.set(job, left);
      else {
        this.#windows.delete(job);
        this.#cancelled.delete(job);
      }
    }
  }

  /** Drops what has not started of a job. */
  cancel(job: number): void {
    if (!this.#windows.has(job)) return;
    this.#cancelled.add(job);
    this.#pool.cancel(job);
    this.#scheduler.cancel(job);
  }

  async #run(batch: Ready[], params: EmbedImagesParams, report: (value: ImageReport) => void): Promise<void> {
    const output = this.#outputs[params.output] as ImageOutput;
    const [{ input }] = batch;
    const result = await this.#session.run(
      batch.map((item) => item.input.data),
      input.width,
      input.height,
      output.name,
    );
    let data: Float32Array;
    let dims: number;
    try {
      ({ data, dims } = readOutput(result, batch.length, output));
    } finally {
      result.dispose();
    }
    report({ rows: batch.map(({ row }) => row), data: this.#finish(data, dims, params) });
  }

  /** The caller's cut and normalisation, and a check that the numbers are numbers. */
  #finish(data: Float32Array, dims: number, { truncateDim, normalize }: EmbedImagesParams): Float32Array {
    // Any NaN or infinity makes the sum NaN: x · 0 is 0 for finite x and NaN for the rest.
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += data[i] * 0;
    if (sum !== 0) {
      throw new EmbedlaneError(
        'ERR_MODEL_INVALID',
        'Expected finite embeddings but the model computed NaN or infinity',
      );
    }
    const kept = Math.min(truncateDim ?? dims, dims);
    const rows = kept === dims ? data : cutRows(data, dims, kept);
    if (normalize) this.#binding.normalizeRows(rows, kept);
    return rows;
  }
}

function sameSize(a: Prepared, b: Prepared): boolean {
  return a.width === b.width && a.height === b.height;
}

function cutRows(rows: Float32Array, dims: number, kept: number): Float32Array {
  const out = new Float32Array((rows.length / dims) * kept);
  for (let from = 0, to = 0; from < rows.length; from += dims, to += kept) {
    out.set(rows.subarray(from, from + kept), to);
  }
  return out;
}
