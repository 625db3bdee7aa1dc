import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { AudioEmbedder } from 'embedlane';
import { cosine } from 'embedlane/vectors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAudio } from '#dist/audio/decode/open.js';
import { collect, golden, goldenSounds, largestDifference, MODEL, readFloats, sound } from './support.js';

const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });
const DIMS = 32;
const names = golden.embeddings.files;
/** Row of a sound in the golden matrices. */
const goldenRow = (file: string, name: string) => {
  const row = names.indexOf(name);
  return readFloats(file).subarray(row * DIMS, (row + 1) * DIMS);
};

let model: AudioEmbedder;
beforeAll(async () => {
  model = await AudioEmbedder.load(MODEL, { decoder: true });
});
afterAll(() => model?.close());

describe('AudioEmbedder', () => {
  it('says what it is', () => {
    expect([model.modelId, model.dimensions, model.sampleRate, model.windowSeconds]).toEqual([
      MODEL,
      DIMS,
      16_000,
      30,
    ]);
  });

  it('gives the vectors of transformers for every sound', async () => {
    const options = { maxSeconds: 30 };
    const valid = await model.encode(names.map(sound), options);
    const all = await model.encode(names.map(sound), { ...options, padding: true });
    expect([valid.rows, valid.dims]).toEqual([names.length, DIMS]);
    names.forEach((name, i) => {
      // Another resampler than soxr moves features a little, most where noise fills the whole band.
      const tolerance = golden.files[name].rate === 16_000 ? 2e-5 : 2e-3;
      expect(cosine(valid.row(i), goldenRow('mean_valid.bin', name)), name).toBeGreaterThan(0.99999);
      expect(largestDifference(valid.row(i), goldenRow('mean_valid.bin', name)), name).toBeLessThan(
        tolerance,
      );
      expect(largestDifference(all.row(i), goldenRow('mean_all.bin', name)), name).toBeLessThan(tolerance);
    });
  });

  it('takes paths, bytes and samples alike, in any list', async () => {
    const name = 'speech_5s_16k.flac';
    const samples = await collect(openAudio(sound(name)));
    const vectors = await model.encode([
      sound(name),
      readFileSync(sound(name)),
      { samples, sampleRate: 16_000 },
    ]);
    expect(vectors.row(1)).toEqual(vectors.row(0));
    expect(vectors.row(2)).toEqual(vectors.row(0));
    expect((await model.encode(sound(name))).row(0)).toEqual(vectors.row(0));
    expect((await model.encode([])).rows).toBe(0);
    const [unit] = await model.encode(sound(name), { normalize: true });
    expect(Math.hypot(...unit)).toBeCloseTo(1, 6);
  });

  it.each(goldenSounds.filter(([, { encoder }]) => encoder.last_hidden_state))(
    'gives the states of encoder and decoder: %s',
    async (name, { encoder, decoder }) => {
      const [frames] = await model.encodeFrames(sound(name), { padding: true });
      expect([frames.rows, frames.dims]).toEqual([1500, DIMS]);
      expect(largestDifference(frames.data, readFloats(encoder.last_hidden_state?.file ?? ''))).toBeLessThan(
        5e-5,
      );
      const [valid] = await model.encodeFrames(sound(name));
      expect(valid.rows).toBe(encoder.valid_encoder_frames);
      const [states] = await model.encodeDecoder(sound(name), {
        decoderInputIds: decoder?.input_ids,
        padding: true,
      });
      expect(largestDifference(states.data, readFloats(decoder?.last_hidden_state.file ?? ''))).toBeLessThan(
        1e-4,
      );
      const [two] = await model.encodeDecoder(sound(name));
      expect([two.rows, two.dims]).toEqual([2, DIMS]);
    },
  );

  it('goes through long sounds in windows', async () => {
    const name = 'speech_35s_16k.flac';
    const [plain] = await model.encodeWindows(sound(name));
    expect(plain.times).toEqual([
      { start: 0, end: 30 },
      { start: 30, end: 35 },
    ]);
    // The first window is all that transformers sees.
    expect(largestDifference(plain.embeddings.row(0), goldenRow('mean_valid.bin', name))).toBeLessThan(2e-5);
    const [whole] = await model.encode(sound(name));
    whole.forEach((value, d) => {
      const mean = (1500 * plain.embeddings.row(0)[d] + 250 * plain.embeddings.row(1)[d]) / 1750;
      expect(value).toBeCloseTo(mean, 5);
    });
    const [overlapping] = await model.encodeWindows(sound(name), { overlap: 10 });
    expect(overlapping.times).toEqual([
      { start: 0, end: 30 },
      { start: 20, end: 35 },
    ]);
    const samples = await collect(openAudio(sound(name)));
    const tail = { samples: samples.slice(20 * 16_000), sampleRate: 16_000 };
    expect((await model.encode(tail)).row(0)).toEqual(overlapping.embeddings.row(1));
    const [cut] = await model.encodeWindows(sound(name), { maxSeconds: 1.5 });
    expect(cut.times).toEqual([{ start: 0, end: 1.5 }]);
  });

  it('leaves the event loop free and can be aborted', async () => {
    const samples = new Float32Array(16_000 * 600).map((_, i) => Math.sin(i * i * 1e-7));
    const stop = new AbortController();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const stopped = model.encode([{ samples, sampleRate: 16_000 }], { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 200);
    await expect(stopped).rejects.toThrow(code('ERR_ABORTED'));
    const late = model.encode([{ samples, sampleRate: 16_000 }], { timeout: 50 });
    await expect(late).rejects.toThrow(code('ERR_TIMEOUT'));
    delay.disable();
    expect(delay.percentile(50) / 1e6).toBeLessThan(50);
    await expect(model.encode([], { signal: AbortSignal.abort() })).resolves.toMatchObject({ rows: 0 });
    const seen: number[] = [];
    const files = [sound('tone_1s_16k_s16.wav'), sound('silence_2s_16k_s16.wav')];
    await model.encode(files, { onProgress: ({ completed }) => seen.push(completed) });
    expect(seen).toEqual([1, 2]);
  });

  it('refuses what does not fit, naming it', async () => {
    for (const input of [
      3,
      null,
      '',
      {},
      [undefined],
      new Array(2),
      { samples: [1], sampleRate: 3 },
    ] as never[]) {
      await expect(model.encode(input)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    const samples = new Float32Array(3);
    for (const sampleRate of [0, 1.5, Number.NaN, '16000'] as never[]) {
      await expect(model.encode({ samples, sampleRate })).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    for (const options of [
      { overlap: -1 },
      { overlap: 16 },
      { maxSeconds: 0 },
      { normalise: true },
    ] as never[]) {
      await expect(model.encode([], options)).rejects.toThrow(code('ERR_INVALID_ARG'));
    }
    await expect(model.encodeDecoder([], { decoderInputIds: [-1] })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(model.encode([sound('tone_1s_16k_s16.wav'), sound('SOURCES.json')])).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_AUDIO',
        message: expect.stringContaining('SOURCES.json') as string,
      }),
    );
    await expect(model.encode({ samples, sampleRate: 5 })).rejects.toThrow(/inputs\[0\].*5 Hz/);
    await expect(model.encode('/no/such.wav')).rejects.toThrow(code('ERR_IO'));
  });

  it('loads what it can use and nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-whisper-'));
    try {
      await expect(AudioEmbedder.load(folder)).rejects.toThrow(code('ERR_MODEL_NOT_FOUND'));
      await mkdir(join(folder, 'onnx'));
      await copyFile(join(MODEL, 'onnx/encoder_model.onnx'), join(folder, 'onnx/encoder_model.onnx'));
      const plain = await AudioEmbedder.load(folder);
      expect(plain.dimensions).toBe(DIMS);
      await expect(plain.encodeDecoder([])).rejects.toThrow(/decoder: true/);
      await plain.close();
      await plain.close();
      await expect(plain.encode(sound('tone_1s_16k_s16.wav'))).rejects.toThrow(code('ERR_CLOSED'));
      await expect(AudioEmbedder.load(folder, { decoder: true })).rejects.toThrow(
        code('ERR_MODEL_NOT_FOUND'),
      );
      for (const [field, value] of [
        ['chunk_length', 2 ** 31],
        ['feature_size', 2 ** 31],
        ['n_fft', 2 ** 31],
        ['sampling_rate', 2 ** 53],
        ['hop_length', 0],
      ] as const) {
        await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify({ [field]: value }));
        await expect(AudioEmbedder.load(folder)).rejects.toThrow(new RegExp(`${field}.*preprocessor_config`));
      }
      const long = { chunk_length: 3600, sampling_rate: 768_000 };
      await writeFile(join(folder, 'preprocessor_config.json'), JSON.stringify(long));
      await expect(AudioEmbedder.load(folder)).rejects.toThrow(code('ERR_MODEL_INVALID'));
      await rm(join(folder, 'preprocessor_config.json'));
      await writeFile(join(folder, 'config.json'), '{"model_type":"bert"}');
      await expect(AudioEmbedder.load(folder)).rejects.toThrow(code('ERR_MODEL_INVALID'));
      await writeFile(join(folder, 'config.json'), '{}');
      await copyFile(join(MODEL, 'onnx/decoder_model.onnx'), join(folder, 'onnx/encoder_model.onnx'));
      await expect(AudioEmbedder.load(folder)).rejects.toThrow(code('ERR_MODEL_INVALID'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
