import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { outcome } from '../outcome.js';
import { fixture } from './goldens.js';
import { BUSY, childrenOf, hasProc } from './processes.js';

const TINY = fixture('models/tiny-bert-cls');

function run(source: string, flags: string[] = []) {
  const args = [...flags, '--no-warnings', '--input-type=module', '-e', source];
  return outcome(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** A program in the middle of a run of the model: `then` is what it does, 30 ms after the second batch. */
const busy = (then: string) => `
  import { TextEmbedder } from '#dist/text/index.js';
  const model = await TextEmbedder.load('all-MiniLM-L6-v2', { isolation: 'thread' });
  let batches = 0;
  const encoding = model.encode(${BUSY}, {
    onProgress() {
      if (++batches === 2) setTimeout(() => { ${then} }, 30);
    },
  });
  encoding.catch(({ code }) => console.log(code));`;

describe('a model in a thread', () => {
  it('computes what one in a process does', async () => {
    await using inThread = await TextEmbedder.load(TINY, { isolation: 'thread' });
    await using inProcess = await TextEmbedder.load(TINY);
    const texts = Array.from({ length: 100 }, (_, i) => 'some words '.repeat(1 + (i % 20)));
    const [a, b] = await Promise.all([inThread.encode(texts), inProcess.encode(texts)]);
    expect(a.data).toEqual(b.data);
    expect(inThread.stats().lanes).toEqual({ alive: 1, deaths: 0 });
  });

  it.skipIf(!hasProc)('has no process', async () => {
    const before = childrenOf(process.pid);
    await using model = await TextEmbedder.load(TINY, { isolation: 'thread' });
    await model.encode('text');
    expect(childrenOf(process.pid)).toEqual(before);
  });
});

// onnxruntime-node aborts the process (SIGABRT) if a thread ends inside it: every one of these would.
describe('a program that ends while a thread is inside the model', () => {
  it.each([
    ['process.exit()', 'process.exit(7)', { code: 7, stdout: '' }, /^$/],
    ['an uncaught exception', "throw new Error('boom')", { code: 1, stdout: '' }, /Error: boom/],
    ['an unhandled rejection', "Promise.reject(new Error('boom'))", { code: 1, stdout: '' }, /Error: boom/],
    ['close()', 'model.close()', { code: 0, stdout: 'ERR_CLOSED\n' }, /^$/],
  ])('%s: the right exit code and no abort', async (_, then, expected, stderr) => {
    const result = await run(busy(then));
    expect(result).toMatchObject({ ...expected, signal: null });
    expect(result.stderr).toMatch(stderr);
  });

  it('is not kept alive by an idle one', async () => {
    const result = await run(`
      import { TextEmbedder } from '#dist/text/index.js';
      const model = await TextEmbedder.load('${TINY}', { isolation: 'thread' });
      console.log((await model.encode('text')).rows);`);
    expect(result).toEqual({ code: 0, signal: null, stdout: '1\n', stderr: '' });
  });
});

const [major] = process.versions.node.split('.').map(Number);
const PERMISSION = [
  major < 24 ? '--experimental-permission' : '--permission',
  '--allow-fs-read=*',
  '--allow-worker',
  '--allow-addons',
];

describe('without the permission to start processes', () => {
  const source = `
    import { TextEmbedder } from '#dist/text/index.js';
    const model = await TextEmbedder.load('${TINY}', { isolation: process.env.WISH });
    console.log((await model.encode('text')).rows, model.stats().lanes.alive);
    await model.close();`;

  it('lanes are threads', async () => {
    expect(await run(source, PERMISSION)).toEqual({ code: 0, signal: null, stdout: '1 1\n', stderr: '' });
  });

  it('nor threads, the error says what to allow, for static models too', async () => {
    const flags = PERMISSION.filter((flag) => flag !== '--allow-worker');
    for (const model of [TINY, fixture('models/tiny-static')]) {
      const { code, stderr } = await run(source.replace(TINY, model), flags);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/--allow-worker[\s\S]*code: 'ERR_RUNTIME'/)]);
    }
  });

  it('the wish for a process is refused', async () => {
    const result = await run(source.replace('process.env.WISH', "'process'"), PERMISSION);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("code: 'ERR_RUNTIME'");
  });
});
