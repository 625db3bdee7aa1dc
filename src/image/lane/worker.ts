import { parentPort, workerData } from 'node:worker_threads';
import { loadBinding } from '../../native/load.js';
import { toWire } from '../../runtime/protocol.js';
import { admit } from '../decode/admission.js';
import type { FromWorker, ToWorker, WorkerParams } from './pool.js';
import { type Opened, openPicture, prepare } from './prepare.js';

type Task = Extract<ToWorker, { image: unknown }>;

interface Begun {
  task: Task;
  picture: Promise<Opened>;
}

/**
 * A thread that decodes and resizes: one picture at a time, in the order in which they came. Meanwhile the next one is
 * opened, which is mostly waiting for the disk and for other threads. It never touches onnxruntime, so it may end at
 * any moment.
 */
const { params, admission } = workerData as WorkerParams;
const binding = loadBinding();
const waiting: Task[] = [];
let ahead: Begun | undefined;
let busy = false;

parentPort?.on('message', (message: ToWorker) => {
  if ('cancel' in message) cancel(message.cancel);
  else waiting.push(message);
  if (!busy) void work();
});

async function work(): Promise<void> {
  busy = true;
  for (let current = begin(); current; current = ahead ?? begin()) {
    ahead = undefined;
    const { id } = current.task;
    try {
      const picture = await current.picture;
      ahead = begin();
      const prepared = await prepare(picture, params, binding, (pixels) => admit(admission, pixels));
      send({ id, prepared }, [prepared.data.buffer]);
    } catch (error) {
      send({ id, error: toWire(error) });
    }
  }
  busy = false;
}

function begin(): Begun | undefined {
  const task = waiting.shift();
  if (!task) return undefined;
  const picture = openPicture(task.image, params.decode);
  // Awaited in its turn; until then a failure must not count as unhandled.
  picture.catch(() => {});
  return { task, picture };
}

function cancel(job: number): void {
  if (ahead?.task.job === job) {
    waiting.unshift(ahead.task);
    ahead = undefined;
  }
  const kept = waiting.filter((task) => task.job !== job);
  for (const { id } of waiting.filter((task) => task.job === job)) send({ id, cancelled: true });
  waiting.splice(0, waiting.length, ...kept);
}

function send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
