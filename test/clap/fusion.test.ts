import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ClapEmbedder } from 'embedlane';
import { cosine } from 'embedlane/vectors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClapFeatureExtractor } from '#dist/audio/features/clap.js';
import { FusedSpectrograms } from '#dist/audio/features/clap-fusion.js';
import { readClapConfig } from '#dist/clap/config.js';
import { largestDifference, sound } from '../audio/support.js';
import { silence } from '../audio/wav.js';
import { fixture } from '../text/goldens.js';

const MODEL = fixture('models/tiny-clap-fused');
const DIMS = 16;
const RATE = 48_000;

interface Floats {
  file: string;
}
const golden = JSON.parse(readFileSync(fixture('goldens/clap_fused/clap_fused.json'), 'utf8')) as {
  files: string[];
  audio_embeds: Floats;
  windows: { file: string; audio_embeds: Floats };
  stride: number;
  made: { seconds: number; features: Floats; audio_embeds: Floats }[];
};

function floats({ file }: Floats): Float32Array {
  const raw = readFileSync(fixture(`goldens/clap_fused/${file}`));
  const bytes = file.endsWith('.gz') ? gunzipSync(raw) : raw;
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** The sound that the golden's script makes. */
const made = (seconds: number) =>
  Float32Array.from({ length: Math.round(seconds * RATE) }, (_, i) => Math.sin(1e-9 * i ** 2.2));

let clap: ClapEmbedder;
beforeAll(async () => {
  clap = await ClapEmbedder.load(MODEL);
});
afterAll(() => clap?.close());

describe('FusedSpectrograms', () => {
  it.each(golden.made)('gives the decibels of transformers: $seconds s', async ({ seconds, features }) => {
    const extractor = new ClapFeatureExtractor((await readClapConfig(MODEL)).features);
    const samples = made(seconds);
    const wanted = floats(features);
    for (const piece of [480_000, 100_001]) {
      const spectrograms = new FusedSpectrograms(extractor, samples.length, 2);
      for (let at = 0; at < samples.length; at += piece)
        await spectrograms.push(samples.subarray(at, at + piece));
      const values = await spectrograms.end();
      expect(values.length).toBe(4 * 1001 * 64);
      const rows = Array.from({ length: 4 }, (_, channel) => channel * 1001).flatMap((first) =>
        Array.from({ length: Math.ceil(1001 / golden.stride) }, (_, i) => first + i * golden.stride),
      );
      const some = Float32Array.from(rows.flatMap((row) => [...values.subarray(row * 64, (row + 1) * 64)]));
      // transformers rounds spectra to complex64, which shows in one value at −94 dB.
      expect(largestDifference(some, wanted)).toBeLessThan(5e-4);
    }
  });
});

describe('ClapEmbedder with fusion', () => {
  it('gives the vectors of transformers for short sounds and for long ones', async () => {
    const vectors = await clap.encodeAudio(golden.files.map(sound));
    const wanted = floats(golden.audio_embeds);
    golden.files.forEach((name, row) => {
      const own = wanted.subarray(row * DIMS, (row + 1) * DIMS);
      expect(cosine(vectors.row(row) as Float32Array, own), name).toBeGreaterThan(0.99999);
      // Another resampler than soxr moves decibels a little where there is next to nothing to hear.
      expect(largestDifference(vectors.row(row), own), name).toBeLessThan(name.includes('48k') ? 5e-5 : 1e-2);
    });
    for (const { seconds, audio_embeds } of golden.made) {
      const [vector] = await clap.encodeAudio({ samples: made(seconds), sampleRate: RATE });
      expect(largestDifference(vector, floats(audio_embeds)), `${seconds} s`).toBeLessThan(5e-5);
    }
  });

  it('takes windows as sounds of their own', async () => {
    const { file, audio_embeds } = golden.windows;
    const [{ embeddings, times }] = await clap.encodeAudioWindows(sound(file));
    expect(times.map(({ start }) => start)).toEqual([0, 10, 20]);
    const wanted = floats(audio_embeds);
    for (const row of times.keys()) {
      const own = wanted.subarray(row * DIMS, (row + 1) * DIMS);
      expect(cosine(embeddings.row(row) as Float32Array, own)).toBeGreaterThan(0.99999);
    }
    const [cut] = await clap.encodeAudio(sound(file), { maxSeconds: 10, overlap: 5 });
    expect(cut).toEqual(embeddings.row(0));
  });

  it('tells sounds by words', async () => {
    const [best] = await clap.classify(sound(golden.files[0]), ['a dog', 'rain']);
    expect(best.score).toBeGreaterThan(0.5);
  });

  it('goes through long sounds of other rates, and refuses what it cannot use', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'embedlane-test-'));
    try {
      const path = join(folder, 'long.wav');
      await silence(path, 600, 8000);
      const [vector] = await clap.encodeAudio(path);
      const [same] = await clap.encodeAudio({ samples: new Float32Array(11 * RATE), sampleRate: RATE });
      expect(largestDifference(vector, same)).toBeLessThan(1e-5);
      await expect(clap.encodeAudio(sound('SOURCES.json'))).rejects.toMatchObject({ code: 'ERR_AUDIO' });
      const stop = new AbortController();
      const call = clap.encodeAudio(path, { signal: stop.signal });
      stop.abort();
      await expect(call).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
