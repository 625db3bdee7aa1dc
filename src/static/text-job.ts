import type { RuntimeMeter } from '../runtime/index.js';
import type { EncodePlan } from '../text/options.js';
import type { RowSink } from '../text/rows.js';
import type { TextJob } from '../text/text-lane.js';
import type { StaticModel } from './model.js';

/** One `encode` call of a `TextEmbedder`: the addon writes the rows where they are wanted. */
export class StaticTextJob<Result> implements TextJob<Result> {
  readonly #model: StaticModel;
  readonly #texts: readonly string[];
  readonly #plan: EncodePlan;
  readonly #sink: RowSink<Result>;
  readonly #meter: RuntimeMeter;
  #lengths: Uint32Array = new Uint32Array(0);

  constructor(
    model: StaticModel,
    texts: readonly string[],
    plan: EncodePlan,
    sink: RowSink<Result>,
    meter: RuntimeMeter,
  ) {
    this.#model = model;
    this.#texts = texts;
    this.#plan = plan;
    this.#sink = sink;
    this.#meter = meter;
  }

  get lengths(): Uint32Array {
    return this.#lengths;
  }

  async run(): Promise<Result> {
    const { prompt, normalize, truncation, truncateDim, signal, onProgress } = this.#plan;
    const { matrix } = this.#sink;
    const dims = Math.min(truncateDim ?? this.#model.dims, this.#model.dims);
    let before = { completed: 0, tokens: 0 };
    const { data, lengths } = await this.#model.embed(
      this.#texts,
      {
        prompt,
        normalize,
        dims,
        truncation,
        signal,
        onProgress: (done) => {
          const tokens = done.tokens - before.tokens;
          this.#meter.batch(done.completed - before.completed, tokens, tokens);
          before = done;
          onProgress?.(done);
        },
      },
      matrix,
    );
    this.#lengths = lengths;
    if (!matrix) {
      for (let i = 0; i < lengths.length; i++) {
        this.#sink.place(i, data.subarray(i * dims, (i + 1) * dims), lengths[i]);
      }
    }
    return this.#sink.finish();
  }
}
