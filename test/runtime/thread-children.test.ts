import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ThreadChildren } from '#dist/runtime/thread-children.js';

const MODULE = new URL('../../dist/runtime/thread-children.js', import.meta.url);

/** Starts a program, tells the main thread, and hears of it itself only a while later, as on a busy machine. */
const THREAD = `
  import { spawn } from 'node:child_process';
  import { parentPort } from 'node:worker_threads';
  import { startChild } from '${MODULE}';
  const child = startChild(() => {
    const started = spawn('sleep', ['600']);
    parentPort.postMessage(started.pid);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    return started;
  });
  child.once('exit', (_, signal) => parentPort.postMessage(signal));`;

describe.skipIf(process.platform === 'win32')('programs that a thread has started', () => {
  it('are ended also when nobody has heard of them yet', async () => {
    const children = new ThreadChildren();
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`), {
      workerData: { children: children.shared },
    });
    const [pid] = (await once(worker, 'message')) as [number];
    expect(pid).toBeGreaterThan(0);
    children.end();
    expect(await once(worker, 'message')).toEqual(['SIGKILL']);
    await worker.terminate();
  });

  it('are not waited for for ever when their thread ended in the middle', () => {
    const children = new ThreadChildren();
    // As a thread leaves it that was terminated between the start and its end.
    children.shared[children.shared.length - 1] = 1;
    expect(children.end()).toBeUndefined();
  });
});
