import { throwIfAborted } from '../core/abort.js';
import { withDeadline } from '../core/deadline.js';
import type { EmbedlaneError } from '../core/errors.js';
import { Interruptible } from '../core/interruptible.js';
import type { OnProgress } from '../core/progress.js';
import { isTyped } from '../core/realms.js';
import type { Lane, LaneHandle } from '../runtime/index.js';
import { fromWire } from '../runtime/protocol.js';
import { type ImageSource, named } from './input/source.js';
import type { CancelParams, EmbedImagesParams, ImageReport } from './lane/protocol.js';
import { dropImages, sendImages } from './send-images.js';

/** Pictures per message: enough to keep every thread of the lane busy, few enough to bound what waits there. */
const WINDOW = { images: 32, bytes: 32 * 2 ** 20 };

/** Of each lane. With two, one is decoded while the other is in the model. */
const WINDOWS_IN_FLIGHT = 2;

let nextJob = 0;

/** How the rows of a job come out. */
export interface ImagePlan {
  output: 'features' | 'logits';
  truncateDim: number | undefined;
  normalize: boolean;
  onError: 'throw' | 'skip';
  signal: AbortSignal | undefined;
  timeout: number | undefined;
  onProgress: OnProgress | undefined;
}

/** Rows in the order of the pictures, without those of `failures`. */
export interface ImageJobResult {
  data: Float32Array;
  /** For each row, the index of its picture. */
  indices: Uint32Array;
  failures: { index: number; error: EmbedlaneError }[];
}

/** One call: sends its pictures window by window and puts the rows that come back in their places. */
export class ImageJob {
  readonly #id = nextJob++;
  readonly #lane: Lane<unknown>;
  readonly #sources: readonly ImageSource[];
  readonly #plan: ImagePlan;
  readonly #dims: number;
  readonly #out: Float32Array;
  /** Which pictures are done: a window that is run again after its lane died reports some twice. */
  readonly #done: Uint8Array;
  readonly #failures = new Map<number, EmbedlaneError>();
  #completed = 0;
  #next = 0;
  readonly #work = new Interruptible();

  constructor(lane: Lane<unknown>, sources: readonly ImageSource[], plan: ImagePlan, dims: number) {
    this.#lane = lane;
    this.#sources = sources;
    this.#plan = plan;
    this.#dims = dims;
    this.#out = new Float32Array(sources.length * dims);
    this.#done = new Uint8Array(sources.length);
  }

  run(): Promise<ImageJobResult> {
    return withDeadline(this.#plan, (signal) => this.#run(signal));
  }

  async #run(signal: AbortSignal | undefined): Promise<ImageJobResult> {
    throwIfAborted(signal);
    const { onError } = this.#plan;
    const known = onError === 'throw' ? this.#sources.find(({ error }) => error) : undefined;
    if (known?.error) throw named(known.error, known.name);
    const work = () => this.#lane.spread(WINDOWS_IN_FLIGHT, () => this.#sendWindows());
    const params: CancelParams = { job: this.#id };
    await this.#work.run(signal, work, () => this.#lane.note('cancel', params));
    return this.#result();
  }

  async #sendWindows(): Promise<void> {
    while (!this.#work.stopped && this.#next < this.#sources.length) {
      const start = this.#next;
      this.#next = this.#windowEnd(start);
      const window = this.#sources.slice(start, this.#next);
      await this.#lane.run((lane) => this.#embed(lane, window, start));
    }
  }

  #windowEnd(start: number): number {
    let bytes = 0;
    let end = start;
    do {
      const source = this.#sources[end++];
      bytes += isTyped(source.bytes, Uint8Array) ? source.bytes.length : 0;
    } while (end < this.#sources.length && end - start < WINDOW.images && bytes < WINDOW.bytes);
    return end;
  }

  async #embed(lane: LaneHandle, window: readonly ImageSource[], start: number): Promise<void> {
    const sent = await sendImages(lane, window);
    for (const { row, error } of sent.failures) this.#fail(start + row, error);
    if (this.#work.stopped) {
      dropImages(lane, sent);
      return;
    }
    if (sent.images.length === 0) return;
    const { output, truncateDim, normalize } = this.#plan;
    const params: EmbedImagesParams = { job: this.#id, images: sent.images, output, truncateDim, normalize };
    await lane.call('embed', params, (report: ImageReport) => {
      if ('error' in report) {
        const row = sent.rows[report.row];
        this.#fail(start + row, named(fromWire(report.error), window[row].name));
      } else {
        this.#place(
          report.rows.map((row) => start + sent.rows[row]),
          report.data,
        );
      }
    });
  }

  #place(indices: readonly number[], data: Float32Array): void {
    if (this.#work.stopped) return;
    const dims = this.#dims;
    indices.forEach((index, i) => {
      this.#out.set(data.subarray(i * dims, (i + 1) * dims), index * dims);
      this.#finish(index);
    });
    this.#tell();
  }

  #fail(index: number, error: EmbedlaneError): void {
    if (this.#work.stopped) return;
    // Only a picture's own fault can be skipped: what breaks the model or the machine is the call's.
    if (this.#plan.onError === 'throw' || error.code !== 'ERR_IMAGE') {
      this.#work.interrupt(error);
      return;
    }
    this.#failures.set(index, error);
    this.#finish(index);
    this.#tell();
  }

  #finish(index: number): void {
    this.#completed += 1 - this.#done[index];
    this.#done[index] = 1;
  }

  #tell(): void {
    try {
      this.#plan.onProgress?.({ completed: this.#completed, total: this.#sources.length });
    } catch (error) {
      // The caller's own error, thrown inside a message handler: it belongs to the call, not to the process.
      this.#work.interrupt(error);
    }
  }

  #result(): ImageJobResult {
    const failures = [...this.#failures].map(([index, error]) => ({ index, error }));
    failures.sort((a, b) => a.index - b.index);
    const good = this.#sources.map((_, index) => index).filter((index) => !this.#failures.has(index));
    const dims = this.#dims;
    if (failures.length > 0) {
      good.forEach((index, row) => {
        this.#out.copyWithin(row * dims, index * dims, (index + 1) * dims);
      });
    }
    const data = failures.length > 0 ? this.#out.slice(0, good.length * dims) : this.#out;
    return { data, indices: Uint32Array.from(good), failures };
  }
}
