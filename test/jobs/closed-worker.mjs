/** A worker that is closed when stdin ends, and says in which order its promises are kept: closed-worker.mjs QUEUE */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { JobWorker } from 'embedlane/jobs';

const worker = await JobWorker.start(process.argv[2]);
// It is waiting for a shard by then.
await delay(500);
console.log('waiting');
process.stdin.resume();
await once(process.stdin, 'end');
// Redis is gone.
await delay(500);
await Promise.all([
  worker.drained().then(() => console.log('drained')),
  worker.close({ grace: 0 }).then(() => console.log('closed')),
]);
