import { isMainThread, parentPort } from 'node:worker_threads';
import { loadBinding } from '../native/load.js';
import type { Device } from './options.js';
import { endGroup } from './process-group.js';
import { type FromLane, type ToLane, toWire } from './protocol.js';

export type CallHandler = (params: never, report: (value: unknown) => void) => Promise<unknown>;
export type NoteHandler = (params: never) => void;

/** The lane's side of the channel: answers calls with `calls`, takes notes with `notes`. */
export function serveLane(calls: Record<string, CallHandler>, notes: Record<string, NoteHandler>): void {
  const receive = (message: unknown) => {
    const note = message as ToLane;
    if (note.kind === 'call') void answer(note, calls[note.method]);
    else notes[note.method](note.params as never);
  };
  if (!isMainThread) {
    parentPort?.on('message', receive);
    return;
  }
  liveWithParent();
  process.on('message', receive);
}

/** Tells the program where a graph is computed, and why not elsewhere. */
export function reportDevice(device: Device, warning?: string): void {
  send({ kind: 'device', device, warning });
}

/**
 * A lane's process lives exactly as long as its channel. When the parent ends in whatever way, SIGKILL included, the
 * operating system closes the channel and the lane kills itself and what it started: `process.exit()` would first wait for
 * tokenising threads and run native destructors, and there is nothing to save.
 */
function liveWithParent(): void {
  process.title = 'embedlane lane';
  process.on('disconnect', () => endGroup(process.pid));
  try {
    // The channel is looked at between two runs of the model only, and a run may take long.
    loadBinding().endWithParent();
  } catch {
    // An addon that cannot be loaded is reported by the model, which needs it.
  }
  // A terminal or a service manager signals the whole process group. Whether to stop is the parent's
  // decision: it may want to finish its work first.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
}

async function answer(call: ToLane & { kind: 'call' }, handler: CallHandler): Promise<void> {
  const { id } = call;
  try {
    const value = await handler(call.params as never, (event) => send({ kind: 'event', id, value: event }));
    send({ kind: 'result', id, value });
  } catch (error) {
    send({ kind: 'error', id, error: toWire(error) });
  }
}

function send(message: FromLane): void {
  if (!isMainThread) parentPort?.postMessage(message);
  // A failed send means that the parent is gone, and 'disconnect' deals with that.
  else process.send?.(message, undefined, undefined, () => {});
}
