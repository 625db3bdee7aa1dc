import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Lane, openLane } from '#dist/runtime/index.js';
import { outcome } from '../outcome.js';

const ECHO = new URL('./echo-lane.mjs', import.meta.url);
let lane: Lane<{ pid: number; loads: number }>;
afterEach(() => lane?.close());

function open(params: object = {}): typeof lane {
  lane = new Lane(ECHO, params);
  return lane;
}

describe('Lane', () => {
  it('starts once, for however many callers', async () => {
    open();
    const [a, b] = await Promise.all([lane.load(), lane.load()]);
    expect(a).toEqual(b);
    expect(a.pid).toBe(lane.pid);
  });

  it('carries typed arrays, and events in order before the result', async () => {
    open();
    const value = { rows: Uint32Array.of(1, 2), data: new Float32Array(5).subarray(1, 3), text: 'a\ud800' };
    expect(await lane.run((process) => process.call('echo', value))).toEqual(value);
    const seen: number[] = [];
    const result = await lane.run((process) => process.call('count', 100, (i: number) => void seen.push(i)));
    expect([result, seen.length, seen[99]]).toEqual(['done', 100, 99]);
  });

  it('replaces a lane that died while idle', async () => {
    open();
    const { pid } = await lane.load();
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => lane.health).toEqual({ alive: 0, deaths: 1 });
    expect(lane.pid).toBeUndefined();
    expect(await lane.run((process) => process.call('echo', 1))).toBe(1);
    expect(lane.pid).not.toBe(pid);
    await lane.close();
    expect(lane.health).toEqual({ alive: 0, deaths: 1 });
  });

  it('runs the work of a dead lane once more', async () => {
    open();
    let attempts = 0;
    const result = await lane.run(async (process) => {
      const call = process.call(++attempts === 1 ? 'hang' : 'echo', 'again');
      if (attempts === 1) globalThis.process.kill(process.pid as number, 'SIGKILL');
      return call;
    });
    expect([result, attempts]).toEqual(['again', 2]);
  });

  it.each([
    ['exit', 'exited with code 42'],
    ['SIGKILL', 'was ended by SIGKILL'],
    ['SIGSEGV', 'was ended by SIGSEGV'],
    // What V8 does when its heap is full.
    ['SIGABRT', 'was ended by SIGABRT'],
  ])(
    'gives up after the second death by %s, and says how it died and what it wrote',
    async (how, message) => {
      open();
      const error = await lane
        .run((process) => process.call('die', { how, words: 'last words' }))
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_RUNTIME', message: expect.stringContaining(message) });
      expect(error).toMatchObject({ message: expect.stringContaining('last words') });
      // And works again afterwards.
      expect(await lane.run((process) => process.call('echo', 1))).toBe(1);
    },
  );

  it('reports a failed load, leaves no process, and tries again next time', async () => {
    open({ fail: 'no such thing' });
    await expect(lane.load()).rejects.toMatchObject({ code: 'ERR_RUNTIME' });
    expect(lane.pid).toBeUndefined();
    await expect(lane.load()).rejects.toThrow('no such thing');
  });

  it('reports a death during load', async () => {
    open({ die: true });
    await expect(lane.load()).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining('while it loaded the model'),
    });
  });

  it('starts another for the work that waits for one that died while it loaded, and once only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-lane-'));
    try {
      open({ dieOnce: join(folder, 'died') });
      const work = () => lane.run((process) => process.call('echo', 1));
      expect(await Promise.all([work(), work(), work()])).toEqual([1, 1, 1]);
      expect(lane.health).toEqual({ alive: 1, deaths: 1 });
    } finally {
      await rm(folder, { recursive: true });
    }
    await lane.close();

    open({ die: true });
    await expect(lane.run((process) => process.call('echo', 1))).rejects.toMatchObject({
      code: 'ERR_RUNTIME',
      message: expect.stringContaining('was ended by SIGKILL while it loaded the model'),
    });
    expect(lane.health).toEqual({ alive: 0, deaths: 2 });
  });

  it('reports a process that cannot be started', async () => {
    const { execPath } = process;
    process.execPath = '/no/such/program';
    try {
      open();
      await expect(lane.load()).rejects.toMatchObject({
        code: 'ERR_RUNTIME',
        message: expect.stringContaining('could not be started'),
      });
    } finally {
      process.execPath = execPath;
    }
    expect(await lane.run((process) => process.call('echo', 1))).toBe(1);
  });

  it('ignores the signals of a terminal, which are for the parent to answer', async () => {
    open();
    const { pid } = await lane.load();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
    expect(await lane.run((process) => process.call('echo', 1))).toBe(1);
    expect(lane.pid).toBe(pid);
  });

  it('rejects pending and later work with ERR_CLOSED when closed, twice or while loading', async () => {
    open();
    await lane.load();
    const pending = lane.run((process) => process.call('hang', null));
    const settled = expect(pending).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await Promise.all([lane.close(), lane.close()]);
    await settled;
    await expect(lane.load()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(lane.pid).toBeUndefined();

    open();
    const loading = expect(lane.load()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await lane.close();
    await loading;
  });

  it('hears of a failure of what it would load, although nothing has asked for that', async () => {
    const unheard: unknown[] = [];
    const listener = (reason: unknown) => unheard.push(reason);
    process.on('unhandledRejection', listener);
    try {
      lane = new Lane(ECHO, Promise.reject(new Error('no such model')));
      await new Promise(setImmediate);
      await expect(
        openLane(ECHO, Promise.reject(new Error('no such model')), undefined, AbortSignal.abort()),
      ).rejects.toMatchObject({ code: 'ERR_ABORTED' });
      await new Promise(setImmediate);
      expect(unheard).toEqual([]);
    } finally {
      process.off('unhandledRejection', listener);
    }
  });

  it('refuses another model in the place of the one that was opened', async () => {
    // Two lanes of this program never answer the same.
    ({ lane } = await openLane<{ pid: number; loads: number }>(ECHO, {}, undefined, undefined));
    process.kill(lane.pid as number, 'SIGKILL');
    await expect.poll(() => lane.pid).toBeUndefined();
    await expect(lane.run((process) => process.call('echo', 1))).rejects.toMatchObject({
      code: 'ERR_MODEL_INVALID',
      message: expect.stringContaining('load it anew'),
    });
    expect(lane.pid).toBeUndefined();
  });

  it('lets a program wait for the end of a lane whose last answer arrives meanwhile', async () => {
    const program = `
      import { Lane } from '${import.meta.resolve('#dist/runtime/index.js')}';
      const lane = new Lane(new URL('${ECHO}'), {});
      const child = await lane.run(async (process) => {
        await process.call('grow', 400e6);
        return process;
      });
      child.call('echo', 1);
      // Now the answer is there, and the loop has not turned to receive it.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      await lane.close();
      console.log('closed');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    expect(await outcome(child)).toEqual({ code: 0, signal: null, stdout: 'closed\n', stderr: '' });
  });
});
