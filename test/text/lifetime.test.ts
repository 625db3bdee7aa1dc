import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { readGolden } from './goldens.js';
import { BUSY, childrenOf, expectGone, hasProc, startProgram } from './processes.js';

const LOAD = `
  import { TextEmbedder } from '#dist/text/index.js';
  const model = await TextEmbedder.load('all-MiniLM-L6-v2');
  const texts = ${BUSY};`;

/** Starts a long encode and prints `ready` after its first batch, in the middle of the next. */
const ENCODING = `${LOAD}
  let first = true;
  const encoding = model.encode(texts, { onProgress() { if (first) console.log('ready'); first = false; } });`;

const READY = `console.log('ready'); await seen;`;

describe.runIf(hasProc)('a program that ends in the middle of a batch', () => {
  it.each([
    ['process.exit()', `${ENCODING} await seen; process.exit(7);`, 7, /^$/],
    [
      'an uncaught exception',
      `${ENCODING} await seen; setTimeout(() => { throw new Error('boom'); });`,
      1,
      /Error: boom/,
    ],
    [
      'an unhandled rejection',
      `${ENCODING} await seen; setTimeout(() => Promise.reject(new Error('boom')));`,
      1,
      /Error: boom/,
    ],
    [
      'close()',
      `${ENCODING} encoding.catch((error) => process.exitCode = error.code === 'ERR_CLOSED' ? 9 : 1);
       await seen; await model.close();`,
      9,
      /^$/,
    ],
  ])('%s: the right exit code, no abort, no process left', async (_, source, code, stderr) => {
    const program = await startProgram(source);
    expect(await program.ended).toEqual({ code, signal: null });
    expect(program.output.stderr).toMatch(stderr);
    expect(program.output.stdout).toBe('ready\n');
    await expectGone(program.lanes);
  });

  it.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('%s: no process left', async (signal) => {
    const program = await startProgram(ENCODING);
    program.child.kill(signal);
    expect(await program.ended).toEqual({ code: null, signal });
    await expectGone(program.lanes);
  });

  it('worker.terminate(): the program goes on', async () => {
    const program = await startProgram(`
      import { Worker } from 'node:worker_threads';
      import { setTimeout } from 'node:timers/promises';
      const worker = new Worker(\`
        Promise.all([import('node:worker_threads'), import('#dist/text/index.js')]).then(async ([{ parentPort }, { TextEmbedder }]) => {
          const model = await TextEmbedder.load('all-MiniLM-L6-v2');
          let first = true;
          await model.encode(${BUSY}, { onProgress() {
            if (first) parentPort.postMessage('ready');
            first = false;
          } });
        });\`, { eval: true });
      await new Promise((resolve) => worker.once('message', resolve));
      console.log('ready');
      await seen;
      await worker.terminate();
      console.log('terminated');
      await setTimeout(1200);
      console.log('alive');`);
    await expect.poll(() => program.output.stdout, { timeout: 60_000 }).toContain('terminated');
    await expectGone(program.lanes);
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.output).toEqual({ stdout: 'ready\nterminated\nalive\n', stderr: '' });
  });
});

describe.runIf(hasProc)('a program that simply ends', () => {
  it('is not kept alive by an idle model', async () => {
    const program = await startProgram(`${LOAD} await model.encode('text'); ${READY}`);
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.output.stderr).toBe('');
    await expectGone(program.lanes);
  });

  it('is kept alive by work that nobody awaits', async () => {
    const program = await startProgram(
      `${LOAD} ${READY} model.encode('text').then((e) => console.log(e.rows, e.dims));`,
    );
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.output.stdout).toBe('ready\n1 384\n');
  });

  it('waits for no child process after close()', async () => {
    const program = await startProgram(`${LOAD} ${READY} await model.close(); await model.close();`);
    expect(await program.ended).toEqual({ code: 0, signal: null });
    await expectGone(program.lanes);
  });
});

describe.runIf(hasProc)('a lane that is killed in the middle of a batch', () => {
  const { texts } = readGolden<{ texts: string[] }>('minilm/embeddings.json');

  it('is replaced, and every row is there, once', async () => {
    await using model = await TextEmbedder.load('all-MiniLM-L6-v2');
    const expected = await model.encode(texts);
    let killed = false;
    const seen: number[] = [];
    const actual = await model.encode(texts, {
      onProgress({ completed }) {
        seen.push(completed);
        if (killed) return;
        killed = true;
        for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
      },
    });
    expect(killed).toBe(true);
    expect(actual.data).toEqual(expected.data);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(texts.length);
  });

  it('may have its work aborted while it is being replaced', async () => {
    await using model = await TextEmbedder.load('all-MiniLM-L6-v2');
    const stop = new AbortController();
    const encoding = model.encode(texts, {
      signal: stop.signal,
      onProgress() {
        for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
        setTimeout(() => stop.abort(), 60);
      },
    });
    await expect(encoding).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect((await model.encode('text')).rows).toBe(1);
  });

  it('fails with ERR_RUNTIME if it dies again, and the next call works', async () => {
    await using model = await TextEmbedder.load('all-MiniLM-L6-v2');
    const killer = () => {
      for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
    };
    const error = await model.encode(texts, { onProgress: killer }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_RUNTIME', message: expect.stringContaining('SIGKILL') });
    expect((await model.encode('text')).rows).toBe(1);
  });
});
