import { parentPort, workerData } from 'node:worker_threads';
import { loadBinding } from '../../native/load.js';
import { toWire } from '../../runtime/protocol.js';
import { admit } from '../decode/admission.js';
import type { FromWorker, ToWorker, WorkerParams } from './pool.js';
import { prepare } from './prepare.js';

/**
 * A thread that decodes and resizes: one picture at a time, in the order in which they came. It never touches
 * onnxruntime, so it may end at any moment.
 */
const { params, admission } = workerData as WorkerParams;
const binding = loadBinding();
const waiting: Extract<ToWorker, { image: unknown }>[] = [];
let busy = false;

parentPort?.on('message', (message: ToWorker) => {
  if ('cancel' in message) {
    const kept = waiting.filter(({ job }) => job !== message.cancel);
    for (const { id } of waiting.filter(({ job }) => job === message.cancel)) send({ id, cancelled: true });
    waiting.splice(0, waiting.length, ...kept);
    return;
  }
  waiting.push(message);
  if (!busy) void work();
});

async function work(): Promise<void> {
  busy = true;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { id, image } = next;
    try {
      const prepared = await prepare(image, params, binding, (pixels) => admit(admission, pixels));
      send({ id, prepared }, [prepared.data.buffer]);
    } catch (error) {
      send({ id, error: toWire(error) });
    }
  }
  busy = false;
}

function send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}
