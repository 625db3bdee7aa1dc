/// <reference lib="esnext.disposable" preserve="true" />
import type { Embeddings, Matrix, MatrixLike } from '../core/embeddings.js';
import type { Classification } from '../image/classify.js';
import type { Lane, LaneHandle } from '../runtime/index.js';
import { similarity } from '../vectors/index.js';
import type { LogitScale } from './lane/protocol.js';
import type { ClipTextOptions } from './options.js';
import { encodeTexts } from './text-job.js';
import { rankLabels, type ZeroShotPlan } from './zero-shot.js';

/** What CLIP and CLAP have in common: texts in one space with something else. */
export abstract class TwoTowers implements AsyncDisposable {
  protected readonly lane: Lane<unknown>;
  #scale: Promise<LogitScale> | undefined;

  protected constructor(lane: Lane<unknown>) {
    this.lane = lane;
  }

  /** Width of an embedding, of both kinds. */
  abstract get dimensions(): number;

  /**
   * Embeds texts.
   *
   * @returns one row per text, in the order of the texts
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_TIMEOUT`, `ERR_CLOSED`, `ERR_MODEL_INVALID`, `ERR_RUNTIME`
   */
  async encodeText(texts: string | readonly string[], options?: ClipTextOptions): Promise<Embeddings> {
    return encodeTexts(this.lane, texts, options, this.dimensions);
  }

  /** Cosine similarity of every row of `a` with every row of `b`. */
  similarity(a: MatrixLike, b: MatrixLike): Matrix {
    return similarity(a, b, { metric: 'cosine' });
  }

  /** Ends the model's process. Calls in progress reject with `ERR_CLOSED`, as do later ones. */
  async close(): Promise<void> {
    await this.lane.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What cosines are multiplied with, and added to; asked once, and again if that failed. */
  protected abstract findScale(process: LaneHandle): Promise<LogitScale>;

  /**
   * Zero-shot classification of what `embedding` embeds.
   *
   * @param probabilities of logits
   */
  protected async rank(
    embedding: Promise<Embeddings>,
    plan: ZeroShotPlan,
    probabilities: (logits: Float64Array) => Float64Array,
  ): Promise<Classification[][]> {
    const [vectors, texts, scale] = await Promise.all([
      embedding,
      this.encodeText(plan.prompts, { normalize: true, signal: plan.signal, timeout: plan.timeout }),
      this.#logitScale(),
    ]);
    return rankLabels(plan, vectors, texts, scale, probabilities);
  }

  #logitScale(): Promise<LogitScale> {
    this.#scale ??= this.lane.run((process) => this.findScale(process));
    this.#scale.catch(() => {
      this.#scale = undefined;
    });
    return this.#scale;
  }
}
