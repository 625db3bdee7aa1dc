import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ClapEmbedder } from 'embedlane';
import { cosine } from 'embedlane/vectors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAudio } from '#dist/audio/decode/open.js';
import { ClapFeatureExtractor } from '#dist/audio/features/clap.js';
import { readClapConfig } from '#dist/clap/config.js';
import { collect, largestDifference, sound } from '../audio/support.js';
import { fixture } from '../text/goldens.js';

const MODEL = fixture('models/tiny-clap');
const code = (expected: string) => expect.objectContaining({ name: 'EmbedlaneError', code: expected });

interface Golden {
  sounds: Record<string, { input_features?: { file: string } }>;
  files: string[];
  audio_embeds: { file: string };
  long: { file: string; audio_embeds: { file: string } };
  texts: string[];
  text_embeds: { file: string };
  labels: string[];
  probabilities: { file: string };
}
const golden = JSON.parse(readFileSync(fixture('goldens/clap/clap.json'), 'utf8')) as Golden;
const DIMS = 16;

function floats({ file }: { file: string }): Float32Array {
  const raw = readFileSync(fixture(`goldens/clap/${file}`));
  const bytes = file.endsWith('.gz') ? gunzipSync(raw) : raw;
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
const goldenRow = (array: { file: string }, row: number) =>
  floats(array).subarray(row * DIMS, (row + 1) * DIMS);

let clap: ClapEmbedder;
beforeAll(async () => {
  clap = await ClapEmbedder.load(MODEL);
});
afterAll(() => clap?.close());

describe('ClapFeatureExtractor', () => {
  const features = Object.entries(golden.sounds).flatMap(([name, { input_features }]) =>
    input_features ? [{ name, file: input_features }] : [],
  );

  it.each(features)('gives the decibels of transformers: $name', async ({ name, file }) => {
    const extractor = new ClapFeatureExtractor((await readClapConfig(MODEL)).features);
    const values = await extractor.extract(await collect(openAudio(sound(name))));
    expect(values.length).toBe(1001 * 64);
    expect(largestDifference(values, floats(file))).toBeLessThan(2e-4);
  });

  it('fills a window as the configuration says', async () => {
    const { features } = await readClapConfig(MODEL);
    const samples = Float32Array.from({ length: 200_000 }, (_, i) => Math.sin(i * i * 1e-6));
    const twice = Float32Array.from({ length: 400_000 }, (_, i) => samples[i % 200_000]);
    const full = Float32Array.from({ length: 480_000 }, (_, i) => samples[i % 200_000]);
    const made = (padding: 'repeatpad' | 'repeat' | 'pad', input: Float32Array) =>
      new ClapFeatureExtractor({ ...features, padding }).extract(input);
    expect(await made('repeatpad', samples)).toEqual(await made('pad', twice));
    expect(await made('repeat', samples)).toEqual(await made('pad', full));
    expect(await made('pad', samples)).not.toEqual(await made('pad', twice));
  });
});

describe('ClapEmbedder', () => {
  it('says what it is', () => {
    expect([clap.modelId, clap.dimensions, clap.sampleRate, clap.windowSeconds, clap.maxTokens]).toEqual([
      MODEL,
      DIMS,
      48_000,
      10,
      60,
    ]);
  });

  it('gives the vectors of transformers for sounds', async () => {
    const vectors = await clap.encodeAudio(golden.files.map(sound));
    golden.files.forEach((name, row) => {
      const wanted = goldenRow(golden.audio_embeds, row);
      expect(cosine(vectors.row(row) as Float32Array, wanted), name).toBeGreaterThan(0.99999);
      // Another resampler than soxr moves decibels a little where there is next to nothing to hear.
      const exact = name.includes('48k');
      expect(largestDifference(vectors.row(row), wanted), name).toBeLessThan(exact ? 5e-5 : 1e-2);
    });
    const [unit] = await clap.encodeAudio(sound(golden.files[0]), { normalize: true });
    expect(Math.hypot(...unit)).toBeCloseTo(1, 6);
  });

  it('takes long sounds in windows', async () => {
    const [{ embeddings, times }] = await clap.encodeAudioWindows(sound(golden.long.file));
    expect(times).toEqual([
      { start: 0, end: 10 },
      { start: 10, end: 20 },
      { start: 20, end: 30 },
    ]);
    for (const row of times.keys()) {
      const wanted = goldenRow(golden.long.audio_embeds, row);
      expect(cosine(embeddings.row(row) as Float32Array, wanted)).toBeGreaterThan(0.99999);
    }
    const [whole] = await clap.encodeAudio(sound(golden.long.file));
    whole.forEach((value, d) => {
      const mean = times.reduce((sum, _, row) => sum + embeddings.row(row)[d] / 3, 0);
      expect(value).toBeCloseTo(mean, 5);
    });
  });

  it('gives the vectors of transformers for texts', async () => {
    const vectors = await clap.encodeText(golden.texts);
    expect(largestDifference(vectors.data, floats(golden.text_embeds))).toBeLessThan(1e-5);
    const [one] = await clap.encodeText(golden.texts[1]);
    expect(largestDifference(one, goldenRow(golden.text_embeds, 1))).toBeLessThan(1e-5);
    expect((await clap.encodeText('a', { truncateDim: 4 })).dims).toBe(4);
    // A text longer than the model hears, in the middle of others.
    expect((await clap.encodeText(['a', 'words '.repeat(200_000)])).rows).toBe(2);
  });

  it('tells sounds by words, with the scale of the joint graph or another', async () => {
    const found = await clap.classify(golden.files.map(sound), golden.labels);
    const wanted = floats(golden.probabilities);
    found.forEach((list, row) => {
      expect(list.map(({ score }) => score)).toEqual(
        [...list].map(({ score }) => score).sort((a, b) => b - a),
      );
      for (const { index, label, score } of list) {
        expect(label).toBe(golden.labels[index]);
        expect(Math.abs(score - wanted[3 * row + index])).toBeLessThan(2e-3);
      }
    });
    const even = await ClapEmbedder.load(MODEL, { logitScale: 1e-9 });
    const [best] = await even.classify(sound(golden.files[0]), golden.labels, { topK: 1 });
    expect(best.score).toBeCloseTo(1 / 3, 6);
    await even.close();
  });

  it('hears streams', async () => {
    const samples = await collect(openAudio(sound('chirp_48k_s24.wav')));
    const [whole] = await clap.encodeAudio({ samples, sampleRate: 48_000 });
    const pieces = [samples.subarray(0, 1000), samples.subarray(1000)];
    const windows = [];
    for await (const window of clap.encodeAudioStream(pieces, { sampleRate: 48_000 })) windows.push(window);
    expect(windows).toEqual([{ start: 0, end: samples.length / 48_000, embedding: whole }]);
  });

  it('refuses what does not fit', async () => {
    await expect(clap.encodeAudio(3 as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(clap.encodeAudio([], { padding: true } as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(clap.encodeText([3] as never)).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(clap.classify([], [])).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(clap.classify([], ['a'], { templates: 'x' })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(clap.encodeAudio(sound('SOURCES.json'))).rejects.toThrow(code('ERR_AUDIO'));
    await expect(clap.encodeText('a', { signal: AbortSignal.abort() })).rejects.toThrow(code('ERR_ABORTED'));
    await expect(ClapEmbedder.load(MODEL, { logitScale: 0 })).rejects.toThrow(code('ERR_INVALID_ARG'));
    await expect(ClapEmbedder.load(MODEL, { decoder: true } as never)).rejects.toThrow(
      code('ERR_INVALID_ARG'),
    );
    await expect(ClapEmbedder.load(fixture('models/tiny-whisper'))).rejects.toThrow(
      code('ERR_MODEL_INVALID'),
    );
  });

  it('loads without a joint graph, and refuses what does not fit together', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-test-'));
    try {
      cpSync(MODEL, folder, { recursive: true });
      await rm(join(folder, 'onnx/model.onnx'));
      const plain = await ClapEmbedder.load(folder);
      // The scale that the training begins with.
      const [a, b] = await Promise.all([
        plain.classify(sound(golden.files[0]), golden.labels),
        clap.classify(sound(golden.files[0]), golden.labels),
      ]);
      expect(Math.log(a[0].score / a[1].score) / Math.log(b[0].score / b[1].score)).toBeCloseTo(
        1 / 0.07 / 20,
        3,
      );
      await plain.close();
      await plain.close();
      await expect(plain.encodeText('a')).rejects.toThrow(code('ERR_CLOSED'));
      await expect(plain.encodeAudio(sound(golden.files[0]))).rejects.toThrow(code('ERR_CLOSED'));
      const file = join(folder, 'preprocessor_config.json');
      const config = readFileSync(file, 'utf8');
      // The graph takes one spectrogram, and this asks for four.
      writeFileSync(file, config.replace('rand_trunc', 'fusion'));
      await expect(ClapEmbedder.load(folder)).rejects.toThrow(code('ERR_MODEL_INVALID'));
      writeFileSync(file, config.replace('rand_trunc', 'some'));
      await expect(ClapEmbedder.load(folder)).rejects.toThrow(/fusion or rand_trunc.*some/);
      writeFileSync(file, config);
      copyFileSync(join(folder, 'onnx/text_model.onnx'), join(folder, 'onnx/audio_model.onnx'));
      await expect(ClapEmbedder.load(folder)).rejects.toThrow(code('ERR_MODEL_INVALID'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
