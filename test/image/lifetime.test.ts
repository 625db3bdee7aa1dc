import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decode, inspect } from '#dist/image/decode/decode.js';
import { ImageEmbedder } from '#dist/image/index.js';
import { fixture } from '../text/goldens.js';
import { childrenOf, expectGone, hasProc, startProgram } from '../text/processes.js';
import { DECODE, imageBytes, imagePath } from './support.js';

const TINY = fixture('models/tiny-resnet');
const files = Array.from({ length: 120 }, (_, i) =>
  imagePath(['jpeg_420.jpg', 'jpeg_444.jpg', 'png_rgba.png'][i % 3]),
);

let model: ImageEmbedder;
beforeAll(async () => {
  model = await ImageEmbedder.load(TINY);
});
afterAll(() => model?.close());

describe('many pictures', () => {
  it('report progress up to their number', async () => {
    const seen: number[] = [];
    const e = await model.encode(files, {
      onProgress: ({ completed, total }) => seen.push(completed / total),
    });
    expect(e.rows).toBe(files.length);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
    for (let i = 3; i < files.length; i += 40) expect(e.row(i)).toEqual(e.row(i % 3));
  });

  it('can be aborted, and leave the model usable', async () => {
    const stop = new AbortController();
    const encoding = model.encode(files, { signal: stop.signal, onProgress: () => stop.abort('enough') });
    await expect(encoding).rejects.toMatchObject({ code: 'ERR_ABORTED', cause: 'enough' });
    expect((await model.encode(files[0])).rows).toBe(1);
  });

  it('reject when they take longer than their timeout', async () => {
    await expect(model.encode(files, { timeout: 1 })).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await expect(model.encode(files, { timeout: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
    expect((await model.encode(files[0], { timeout: 600_000 })).rows).toBe(1);
  });

  it('reject with what onProgress throws', async () => {
    const encoding = model.encode(files, {
      onProgress() {
        throw new RangeError('mine');
      },
    });
    await expect(encoding).rejects.toThrow(new RangeError('mine'));
  });

  it('do not delay a single one to their end', async () => {
    let done = false;
    const bulk = model.encode([...files, ...files]).then(() => {
      done = true;
    });
    await model.encode(files[0]);
    expect(done).toBe(false);
    await bulk;
  });

  it('stop when their stream is left', async () => {
    for await (const part of model.encodeStream(files, { window: 8 })) {
      expect(part.rows).toBe(8);
      break;
    }
    expect((await model.encode(files[0])).rows).toBe(1);
  });

  it('are ERR_CLOSED when the model is closed in the middle', async () => {
    const other = await ImageEmbedder.load(TINY);
    const encoding = other.encode(files, { onProgress: () => void other.close() });
    await expect(encoding).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe.runIf(hasProc)('processes', () => {
  it('a lane that is killed in the middle is replaced, and every row is there', async () => {
    const other = await ImageEmbedder.load(TINY);
    const expected = await other.encode(files);
    let killed = false;
    const actual = await other.encode(files, {
      onProgress() {
        if (killed) return;
        killed = true;
        for (const pid of childrenOf(process.pid)) process.kill(pid, 'SIGKILL');
      },
    });
    expect(killed).toBe(true);
    expect(actual.data).toEqual(expected.data);
    await other.close();
  });

  it('a program that ends in the middle leaves no process', async () => {
    const program = await startProgram(`
      import { ImageEmbedder } from '#dist/image/index.js';
      const model = await ImageEmbedder.load(${JSON.stringify(TINY)});
      let first = true;
      model.encode(${JSON.stringify(files)}, { onProgress() { if (first) console.log('ready'); first = false; } }).catch(() => {});
      await seen;
      process.exit(7);`);
    expect(await program.ended).toEqual({ code: 7, signal: null });
    expect(program.output.stderr).toBe('');
    await expectGone(program.lanes);
  });

  it('texts alone load no decoder', async () => {
    const program = await startProgram(`
      import { TextEmbedder } from '#dist/index.js';
      const model = await TextEmbedder.load('all-MiniLM-L6-v2');
      await model.encode('text');
      console.log('ready');
      const { readFileSync } = await import('node:fs');
      console.log(/libvips|sharp/.test(readFileSync('/proc/self/maps', 'utf8')));
      await seen;`);
    await program.ended;
    expect(program.output.stdout).toBe('ready\nfalse\n');
  });
});

describe('threads that decode', () => {
  it('do not disturb each other when one starts', async () => {
    const start = `import('${import.meta.resolve('#dist/image/decode/sharp.js')}').then((m) => m.loadSharp())`;
    let starting = true;
    const starts = (async () => {
      for (let i = 0; i < 20; i++) await once(new Worker(start, { eval: true }), 'exit');
      starting = false;
    })();
    const bytes = imageBytes('jpeg_progressive.jpg');
    const picture = await inspect(bytes, undefined, DECODE);
    const decodings = [1, 2, 3, 4].map(async () => {
      while (starting) await decode(picture, DECODE, () => () => {});
    });
    await Promise.all([starts, ...decodings]);
  });
});
