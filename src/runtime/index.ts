export { DEFAULT_TOKEN_BUDGET, formBatches } from './batching.js';
export { Lane, openLane } from './lane.js';
export type { LaneHandle } from './lane-handle.js';
export { type CacheStats, type QueueStats, RuntimeMeter, type RuntimeStats } from './meter.js';
export { MicroBatcher, type Priority, type SharedRun, type Submission } from './microbatch.js';
export {
  checkRuntimeOptions,
  type Device,
  type LaneSettings,
  RUNTIME_OPTIONS,
  type RuntimeOptions,
  type RuntimeSettings,
  type SessionSettings,
} from './options.js';
export { allowTeam, planTeam, type Team } from './team.js';
