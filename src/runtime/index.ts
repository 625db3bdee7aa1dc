export { DEFAULT_TOKEN_BUDGET, formBatches } from './batching.js';
export { Lane } from './lane.js';
export type { LaneProcess } from './lane-process.js';
export { defaultThreads } from './threads.js';
