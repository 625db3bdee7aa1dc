import type { RuntimeMeter, SharedRun } from '../runtime/index.js';
import type { Side } from './config/index.js';
import { EncodeJob } from './encode-job.js';
import type { EncodePlan } from './options.js';
import { eventSink, type RowSink } from './rows.js';
import type { EncodedText } from './small-calls.js';
import type { TextJob, TextLane } from './text-lane.js';
import { headLength } from './windows.js';

export interface TextJobSettings {
  maxTokens: number | undefined;
  /** Side on which the model cuts texts that are too long. */
  truncationSide: Side;
  /** Hears of every batch. */
  meter: RuntimeMeter;
}

/** What becomes of texts that are to be computed: jobs for a model's lanes. */
export class TextJobs {
  readonly #lane: TextLane;
  readonly #settings: TextJobSettings;

  constructor(lane: TextLane, settings: TextJobSettings) {
    this.#lane = lane;
    this.#settings = settings;
  }

  /** @param sharedLeft see `EncodeJobSettings` */
  create<Result>(
    texts: string[],
    plan: EncodePlan,
    sink: RowSink<Result>,
    sharedLeft?: () => number,
  ): TextJob<Result> {
    const { meter } = this.#settings;
    const here = this.#lane.job?.(texts, plan, sink, meter);
    if (here) return here;
    const head = this.head(plan.truncation?.side);
    return new EncodeJob(this.#lane, texts, plan, sink, { head, meter, sharedLeft });
  }

  /** Computes texts of several calls together. */
  async runShared(
    texts: string[],
    plan: EncodePlan,
    { costLeft, settle }: SharedRun<EncodedText>,
  ): Promise<void> {
    const sink = eventSink((index, rows, tokens) => settle(index, { rows, tokens }));
    await this.create(texts, plan, sink, costLeft).run();
  }

  /** How much of a text is sent at first, if it is cut on `side`. */
  head(side?: Side): number {
    const { maxTokens, truncationSide } = this.#settings;
    return headLength((side ?? truncationSide) === 'right' ? maxTokens : undefined);
  }
}
