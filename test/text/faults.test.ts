import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { TextEmbedder } from '#dist/text/index.js';
import { simd } from '#dist/vectors/index.js';
import { fixture } from './goldens.js';
import { childrenOf, expectGone, hasProc, isAlive, startProgram } from './processes.js';

const TINY = fixture('models/tiny-bert-cls');
const texts = Array.from({ length: 40 }, (_, i) => `text ${i} ${'word '.repeat(i % 13)}`);

let tiny: TextEmbedder;
let expected: Float32Array;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedlane-faults-'));
  tiny = await TextEmbedder.load(TINY);
  expected = (await tiny.encode(texts)).data;
});
afterAll(async () => {
  await tiny?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Numbers below a limit, the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** The rows of `texts` from `start` on. */
function expectRows(data: Float32Array, start: number): void {
  expect(data.length).toBeGreaterThan(0);
  const right = expected.subarray(start * 32, start * 32 + data.length);
  expect(data.reduce((most, value, i) => Math.max(most, Math.abs(value - right[i])), 0)).toBeLessThan(1e-5);
}

/** Code of the error, or undefined. */
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: { code?: string }) => error.code ?? String(error),
  );

describe.runIf(hasProc)('a storm that kills lanes at random moments', () => {
  it.each([1, 2])(
    'settles every one of 200 calls, over %i lanes, with the right rows or ERR_RUNTIME',
    async (lanes) => {
      const before = new Set(childrenOf(process.pid));
      const model = await TextEmbedder.load(TINY, { lanes, threads: 1 });
      const own = () => childrenOf(process.pid).filter((pid) => !before.has(pid));
      const random = seeded(lanes);
      const outcomes: (string | undefined)[] = [];
      let kills = 0;
      for (let wave = 0; wave < 20; wave++) {
        const calls = Array.from({ length: 10 }, async (_, i) => {
          await turns(random(20));
          const start = random(30);
          // Small calls and jobs of their own.
          const options = i % 2 ? { onProgress: () => {} } : {};
          expectRows((await model.encode(texts.slice(start, start + 10), options)).data, start);
        });
        if (wave % 3 === 0) {
          await turns(random(30));
          const pids = own();
          if (pids.length > 0) {
            process.kill(pids[random(pids.length)], 'SIGKILL');
            kills++;
          }
        }
        outcomes.push(...(await Promise.all(calls.map(codeOf))));
      }
      expect(outcomes).toHaveLength(200);
      expect(new Set([...outcomes, undefined, 'ERR_RUNTIME'])).toEqual(new Set([undefined, 'ERR_RUNTIME']));
      expect(kills).toBeGreaterThan(2);
      expectRows((await model.encode(texts)).data, 0);
      expect(model.stats()).toMatchObject({ waiting: 0, running: 0, active: 0 });
      await model.close();
      await expect.poll(own, { timeout: 10_000 }).toEqual([]);
    },
    120_000,
  );
});

describe('1,000 aborts at random moments', () => {
  it('settle every call: aborted, or with the right rows', async () => {
    const random = seeded(7);
    let aborted = 0;
    for (let wave = 0; wave < 20; wave++) {
      const calls = Array.from({ length: 50 }, async (_, i) => {
        const stop = new AbortController();
        const start = random(30);
        const options = { signal: stop.signal, ...(i % 5 === 0 && { onProgress: () => {} }) };
        const encoding = tiny.encode(texts.slice(start, start + 1 + random(8)), options);
        const settled = encoding.then(({ data }) => expectRows(data, start));
        settled.catch(() => {});
        await turns(random(60));
        stop.abort();
        const code = await codeOf(settled);
        expect([undefined, 'ERR_ABORTED']).toContain(code);
        if (code) aborted++;
      });
      await Promise.all(calls);
    }
    expect(aborted).toBeGreaterThan(0);
    expect(tiny.stats()).toMatchObject({ waiting: 0, running: 0, active: 0 });
    expectRows((await tiny.encode(texts)).data, 0);
  });
});

describe.runIf(hasProc)('a program killed in the middle of its work', () => {
  it('leaves none of several lanes behind', async () => {
    const program = await startProgram(`
      import { TextEmbedder } from '#dist/text/index.js';
      const model = await TextEmbedder.load('${TINY}', { lanes: 3, threads: 1 });
      let first = true;
      const busy = Array.from({ length: 50_000 }, (_, i) => ('many words in text ' + i + ' ').repeat(9));
      await model.encode(busy, { onProgress() { if (first) console.log('ready'); first = false; } });`);
    expect(program.lanes).toHaveLength(3);
    program.child.kill('SIGKILL');
    expect(await program.ended).toEqual({ code: null, signal: 'SIGKILL' });
    await expectGone(program.lanes);
  }, 120_000);
});

describe.runIf(hasProc && simd().backend === 'native')('a lane in the middle of a long run', () => {
  it('ends with its program, although it cannot see the end of its channel', async () => {
    const echo = new URL('../runtime/echo-lane.mjs', import.meta.url);
    const program = await startProgram(`
      import { Lane } from '#dist/runtime/index.js';
      const lane = new Lane(new URL('${echo}'), {});
      await lane.load();
      void lane.run((handle) => handle.call('block', 600_000));
      setTimeout(() => console.log('ready'), 100);`);
    program.child.kill('SIGKILL');
    await program.ended;
    await expectGone(program.lanes);
  });
});

/** Whether the limits of another process can be set. */
const hasPrlimit = hasProc && spawnSync('prlimit', ['--version']).status === 0;

describe.runIf(hasPrlimit)('a lane that gets no more memory', () => {
  it('costs the call that needs it, and nothing else', async () => {
    const before = new Set(childrenOf(process.pid));
    // One run of some hundred texts: fifty megabytes and more of activations.
    await using model = await TextEmbedder.load(TINY, { lanes: 1, tokenBudget: 2 ** 20 });
    const [lane] = childrenOf(process.pid).filter((pid) => !before.has(pid));
    const limit = (bytes: number) =>
      expect(spawnSync('prlimit', ['--pid', String(lane), `--data=${bytes}:`]).status).toBe(0);
    const used = Number(/VmData:\s+(\d+)/.exec(readFileSync(`/proc/${lane}/status`, 'utf8'))?.[1]) * 1024;
    limit(used + 2 ** 24);
    const many = Array.from({ length: 800 }, (_, i) => `${i} ${'word '.repeat(62)}`);
    // onnxruntime says that it got none, or V8 ends the lane; its work is then done by one that has no such limit.
    const error: unknown = await model.encode(many, { onProgress: () => {} }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    const { deaths } = model.stats().lanes;
    if (error) expect(error).toMatchObject({ code: 'ERR_RUNTIME' });
    else expect(deaths).toBe(1);
    expectRows((await model.encode(texts)).data, 0);
  });
});

describe('a model whose files are gone', () => {
  it.runIf(hasProc)('works on, and says so when it has to be loaded again', async () => {
    const path = await mkdtemp(join(folder, 'model-'));
    await cp(TINY, path, { recursive: true });
    const before = new Set(childrenOf(process.pid));
    await using model = await TextEmbedder.load(path);
    const [pid] = childrenOf(process.pid).filter((child) => !before.has(child));
    await rm(path, { recursive: true });
    expectRows((await model.encode(texts)).data, 0);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    expect(await codeOf(model.encode('text'))).toBe('ERR_MODEL_INVALID');
    await cp(TINY, path, { recursive: true });
    expectRows((await model.encode(texts)).data, 0);
  });
});

describe('a clock that is set', () => {
  afterEach(() => void vi.useRealTimers());

  it.each([-86_400_000, 86_400_000])('by %i ms in the middle changes nothing', async (jump) => {
    const start = Date.now();
    const options = { timeout: 600_000, onProgress: () => void vi.setSystemTime(start + jump) };
    vi.useFakeTimers({ toFake: ['Date'] });
    expectRows((await tiny.encode(texts, options)).data, 0);
    vi.setSystemTime(start - jump);
    expectRows((await tiny.encode(texts.slice(0, 2), { timeout: 600_000 })).data, 0);
    expect(tiny.stats().latency.max).toBeLessThan(600_000);
  });
});
