export { JobQueue } from './job-queue.js';
export type { JobEmbedder, LoadModel } from './targets.js';
export type {
  FailedShard,
  JobFields,
  JobRecord,
  JobRequest,
  JobState,
  JobStatus,
  PoisonItem,
} from './types.js';
export { JobWorker, type JobWorkerOptions, type WorkerEvent } from './worker.js';
