import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { AudioEmbedder } from 'embedlane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAudio } from '#dist/audio/decode/open.js';
import { collect, largestDifference, MODEL, sound } from './support.js';

const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });

let model: AudioEmbedder;
let speech: Float32Array;
beforeAll(async () => {
  model = await AudioEmbedder.load(MODEL);
  speech = await collect(openAudio(sound('speech_35s_16k.flac')));
});
afterAll(() => model?.close());

type Windows = Awaited<ReturnType<typeof drain>>;
type Options = Parameters<AudioEmbedder['encodeStream']>[1];
async function drain(samples: Parameters<AudioEmbedder['encodeStream']>[0], options: Options) {
  const windows: { start: number; end: number; embedding: Float32Array }[] = [];
  for await (const window of model.encodeStream(samples, options)) windows.push(window);
  return windows;
}

function* pieces<T extends Float32Array | Int16Array | Uint8Array>(whole: T, size: number): Generator<T> {
  for (let at = 0; at < whole.length; at += size) yield whole.subarray(at, at + size) as T;
}

/** Lanes of this process's models. */
function children(): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes('lane'))
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === process.pid)
    .map(([pid]) => pid);
}

describe('AudioEmbedder.encodeStream', () => {
  it.each([{}, { overlap: 10 }, { normalize: true, padding: true }])(
    'gives the windows of the whole sound, in pieces of any size: %j',
    async (options) => {
      const [whole] = await model.encodeWindows({ samples: speech, sampleRate: 16_000 }, options);
      const wanted: Windows = whole.times.map((time, row) => ({
        ...time,
        embedding: whole.embeddings.row(row) as Float32Array,
      }));
      for (const size of [777, 1_000_000]) {
        expect(await drain(pieces(speech, size), { sampleRate: 16_000, ...options })).toEqual(wanted);
      }
    },
  );

  it('changes the rate as for files', async () => {
    const name = sound('speech_44k1_stereo_s16.wav');
    const samples = await collect(openAudio(name));
    const [wanted] = await model.encode(name);
    const [{ embedding, start, end }] = await drain(pieces(samples, 5000), { sampleRate: 44_100 });
    expect(largestDifference(embedding, wanted)).toBe(0);
    expect([start, end]).toEqual([0, Math.ceil((samples.length * 160) / 441) / 16_000]);
  });

  it('takes numbers of 16 bits and bytes that end anywhere', async () => {
    const integers = Int16Array.from(speech.subarray(0, 50_000), (value) => Math.round(value * 32_768));
    const floats = Float32Array.from(integers, (value) => value / 32_768);
    const wanted = await drain([floats], { sampleRate: 16_000 });
    expect(await drain(pieces(integers, 999), { sampleRate: 16_000 })).toEqual(wanted);
    const bytes = new Uint8Array(integers.buffer);
    expect(await drain(pieces(bytes, 1001), { sampleRate: 16_000 })).toEqual(wanted);
    const raw = new Uint8Array(floats.buffer);
    expect(await drain(pieces(raw, 1001), { sampleRate: 16_000, format: 'f32le' })).toEqual(wanted);
  });

  it('emits each window while the stream goes on, and reads no faster than it hears', async () => {
    let given = 0;
    async function* endless() {
      for (;;) {
        given++;
        yield speech.subarray(0, 16_000);
      }
    }
    const seen: number[] = [];
    for await (const { end } of model.encodeStream(endless(), { sampleRate: 16_000 })) {
      seen.push(end);
      expect(given).toBe(end);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([30, 60, 90]);
    expect(given).toBe(90);
  });

  it('lets other calls in between, while it waits for its source', async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* slow() {
      yield speech.subarray(0, 16_000);
      await gate;
      yield speech.subarray(16_000, 32_000);
    }
    const streaming = drain(slow(), { sampleRate: 16_000 });
    expect((await model.encode(sound('tone_1s_16k_s16.wav'))).rows).toBe(1);
    release();
    expect(await streaming).toMatchObject([{ start: 0, end: 2 }]);
  });

  it('stays in one of several lanes, which does not count as idle, and says that it died', {
    timeout: 60_000,
  }, async () => {
    const others = new Set(children());
    await using several = await AudioEmbedder.load(MODEL, { lanes: 2, threads: 1, keepAlive: 0.05 });
    async function* halting() {
      for (let second = 0; second < 3; second++) {
        yield speech.subarray(second * 16_000, (second + 1) * 16_000);
        await sleep(150);
      }
    }
    const [wanted] = await model.encode({ samples: speech.subarray(0, 48_000), sampleRate: 16_000 });
    const read = async (samples: AsyncIterable<Float32Array>) => {
      const windows = [];
      for await (const window of several.encodeStream(samples, { sampleRate: 16_000 })) windows.push(window);
      return windows;
    };
    expect(await read(halting())).toMatchObject([{ start: 0, end: 3, embedding: wanted }]);
    async function* deadly() {
      yield speech.subarray(0, 16_000);
      for (const pid of children().filter((pid) => !others.has(pid))) process.kill(pid, 'SIGKILL');
      yield speech.subarray(0, 16_000);
    }
    await expect(read(deadly())).rejects.toThrow(code('ERR_RUNTIME'));
  });

  it('ends with an abort, also while its source is silent', async () => {
    const stop = new AbortController();
    let left = false;
    const silent = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          setTimeout(() => stop.abort(), 20);
          return new Promise<IteratorResult<Float32Array>>(() => {});
        },
        return: async () => {
          left = true;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const streaming = drain(silent, { sampleRate: 16_000, signal: stop.signal });
    await expect(streaming).rejects.toThrow(code('ERR_ABORTED'));
    expect(left).toBe(true);
  });

  it('asks its source for nothing after an abort between two windows', async () => {
    const stop = new AbortController();
    const asked: boolean[] = [];
    const source = {
      [Symbol.asyncIterator]: () => ({
        // What a source that hears of the abort would do; nobody would hear of that.
        next: () => {
          asked.push(stop.signal.aborted);
          return stop.signal.aborted
            ? Promise.reject(new Error('unheard'))
            : Promise.resolve({ done: false as const, value: speech });
        },
      }),
    };
    const streaming = model.encodeStream(source, { sampleRate: 16_000, signal: stop.signal });
    expect((await streaming.next()).done).toBe(false);
    stop.abort();
    await expect(streaming.next()).rejects.toThrow(code('ERR_ABORTED'));
    expect(asked).not.toContain(true);
  });

  it('refuses what does not fit', async () => {
    const bad = [undefined, 3, speech, {}] as never[];
    for (const samples of bad) {
      expect(() => model.encodeStream(samples, { sampleRate: 16_000 })).toThrow(code('ERR_INVALID_ARG'));
    }
    for (const options of [
      undefined,
      {},
      { sampleRate: 1 },
      { sampleRate: 1e6 },
      { sampleRate: 16_000, format: 'u8' },
    ]) {
      expect(() => model.encodeStream([], options as never)).toThrow(code('ERR_INVALID_ARG'));
    }
    const rate = { sampleRate: 16_000 };
    await expect(drain(['x'] as never, rate)).rejects.toThrow(/samples\[0\]/);
    await expect(drain([new Uint8Array(3)], rate)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(drain([], rate)).rejects.toThrow(code('ERR_AUDIO'));
    await expect(drain([Float32Array.of(1, Number.NaN)], rate)).rejects.toThrow(code('ERR_AUDIO'));
    const own = (function* () {
      yield speech.subarray(0, 10);
      throw new RangeError("the caller's own");
    })();
    await expect(drain(own, rate)).rejects.toThrow(RangeError);
    const closed = await AudioEmbedder.load(MODEL);
    await closed.close();
    const call = async () => {
      for await (const _ of closed.encodeStream([speech], rate)) break;
    };
    await expect(call()).rejects.toThrow(code('ERR_CLOSED'));
  });
});
