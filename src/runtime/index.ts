export { DEFAULT_TOKEN_BUDGET, formBatches } from './batching.js';
export { Lane, openLane } from './lane.js';
export type { LaneProcess } from './lane-process.js';
export { RuntimeMeter, type RuntimeStats } from './meter.js';
export { MicroBatcher, type Priority, type Submission } from './microbatch.js';
export { defaultThreads } from './threads.js';
