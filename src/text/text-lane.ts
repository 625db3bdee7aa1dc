import type { Lane, LaneHandle, Priority } from '../runtime/index.js';
import type { Loaded } from './lane/protocol.js';

/** What is asked of a lane here: the protocol of `lane/protocol.ts`. */
export type TextLaneCalls = Pick<LaneHandle, 'call' | 'note'>;

/** What computes for a `TextEmbedder`: a lane, or a static model that stands in for one. */
export interface TextLane
  extends Pick<
    Lane<Loaded>,
    'closed' | 'size' | 'ready' | 'device' | 'health' | 'spread' | 'wait' | 'note' | 'close'
  > {
  run<T>(task: (lane: TextLaneCalls) => Promise<T>, priority?: Priority): Promise<T>;
}
