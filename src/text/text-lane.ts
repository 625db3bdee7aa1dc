import type { Lane, LaneHandle, Priority, RuntimeMeter } from '../runtime/index.js';
import type { Loaded } from './lane/protocol.js';
import type { EncodePlan } from './options.js';
import type { RowSink } from './rows.js';

/** What is asked of a lane here: the protocol of `lane/protocol.ts`. */
export type TextLaneCalls = Pick<LaneHandle, 'call' | 'note'>;

/** One call's texts on their way to rows. */
export interface TextJob<Result> {
  /** Tokens of each text, special tokens included, after truncation; known when {@link run} has resolved. */
  readonly lengths: Uint32Array;
  /** @returns what the sink makes of all rows */
  run(): Promise<Result>;
}

/** What computes for a `TextEmbedder`: a lane, or a static model that stands in for one. */
export interface TextLane
  extends Pick<
    Lane<Loaded>,
    'closed' | 'size' | 'ready' | 'device' | 'health' | 'spread' | 'wait' | 'note' | 'close'
  > {
  run<T>(task: (lane: TextLaneCalls) => Promise<T>, priority?: Priority, left?: () => number): Promise<T>;
  /** Computes a call where it is, if texts need not be sent anywhere; else an `EncodeJob` sends them. */
  job?<Result>(
    texts: readonly string[],
    plan: EncodePlan,
    sink: RowSink<Result>,
    meter: RuntimeMeter,
  ): TextJob<Result>;
}
