import type { LaneProcess } from '../runtime/index.js';

/** What is asked of a lane here: the protocol of `lane/protocol.ts`. */
export type TextLaneCalls = Pick<LaneProcess, 'call' | 'note'>;

/** What computes for a `TextEmbedder`: a lane, or a static model that stands in for one. */
export interface TextLane {
  readonly closed: boolean;
  run<T>(task: (lane: TextLaneCalls) => Promise<T>): Promise<T>;
  note(method: string, params: unknown): void;
  close(): Promise<void>;
}
