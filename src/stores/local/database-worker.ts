import { parentPort, workerData } from 'node:worker_threads';
import { toWire } from '../../runtime/protocol.js';
import type { WorkerAnswer } from '../../runtime/worker-calls.js';
import { RecordDatabase } from './database.js';
import type { DatabaseFile, ToDatabase } from './protocol.js';

/** The program of a local store's database thread. */
let database: RecordDatabase | undefined;

function answer({ method, args }: ToDatabase): unknown {
  const { file, readOnly } = workerData as DatabaseFile;
  if (method === 'close') return database?.close();
  // Opened by the first question, so that a failure is its answer.
  database ??= new RecordDatabase(file, readOnly);
  return (database[method] as (...args: unknown[]) => unknown)(...args);
}

parentPort?.on('message', (message: ToDatabase) => {
  const { id } = message;
  try {
    parentPort?.postMessage({ id, result: answer(message) } satisfies WorkerAnswer);
  } catch (error) {
    parentPort?.postMessage({ id, error: toWire(error) } satisfies WorkerAnswer);
  }
  if (message.method === 'close') parentPort?.close();
});
