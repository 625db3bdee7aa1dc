import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAudio } from '#dist/audio/decode/open.js';
import { WavDecoder } from '#dist/audio/decode/wav.js';
import { WhisperFeatureExtractor } from '#dist/audio/features/whisper.js';
import { audioWindows } from '#dist/audio/windows.js';
import { fixture } from '../text/goldens.js';
import { silentFlac } from './flac.js';
import { collect, golden, goldenSounds, largestDifference, readFloats, sound } from './support.js';

const audioError = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_AUDIO', message: expect.stringMatching(message) as string });

/** A WAV file of 16-bit samples, with parts of its header replaced. */
function wav(
  samples: number[],
  header: Partial<Record<'rate' | 'channels' | 'bits' | 'tag' | 'size', number>> = {},
) {
  const { rate = 16_000, channels = 1, bits = 16, tag = 1, size = 2 * samples.length } = header;
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF\0\0\0\0WAVEfmt ', 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(tag, 20);
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt16LE((channels * bits) / 8, 32);
  bytes.writeUInt16LE(bits, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(size, 40);
  samples.forEach((sample, i) => {
    bytes.writeInt16LE(sample, 44 + 2 * i);
  });
  return bytes;
}

describe('openAudio', () => {
  it.each(goldenSounds)('decodes and mixes as soundfile and librosa do: %s', async (name, wanted) => {
    const fromPath = await collect(openAudio(sound(name)));
    expect(createHash('sha256').update(new Uint8Array(fromPath.buffer)).digest('hex')).toBe(
      wanted.mono.sha256,
    );
    const bytes = readFileSync(sound(name));
    expect(largestDifference(await collect(openAudio(bytes)), fromPath)).toBe(0);
  });

  it.each(['speech_35s_16k.flac', 'speech_5s_22k.mp3'])('passes over the tags of %s', async (name) => {
    const plain = readFileSync(sound(name));
    const expected = await collect(openAudio(plain));
    // As players expect it of MP3, and taggers do it with FLAC: ID3v2 with a cover in front, ID3v1 behind.
    const cover = Buffer.alloc(10 + 600_000);
    cover.write('ID3\x04', 'latin1');
    [600_000 >> 14, (600_000 >> 7) & 127, 600_000 & 127].forEach((part, i) => {
      cover[7 + i] = part;
    });
    const title = Buffer.alloc(128);
    title.write('TAGtitle');
    for (const parts of [
      [cover, plain],
      [plain, title],
      [cover, cover, plain, title],
    ]) {
      expect(await collect(openAudio(Buffer.concat(parts)))).toEqual(expected);
    }
  });

  it.each(Object.keys(golden.files).filter((name) => golden.files[name].resampled_16k))(
    'changes the rate nearly as soxr does: %s',
    async (name) => {
      const wanted = golden.files[name];
      const options = { sampleRate: 16_000, size: 480_000, overlap: 0, most: Number.POSITIVE_INFINITY };
      const samples = await collect(audioWindows(openAudio(sound(name)), options));
      const reference = readFloats(wanted.resampled_16k?.file ?? '');
      expect(samples.length).toBe(reference.length);
      const extractor = new WhisperFeatureExtractor({
        ...options,
        windowSamples: 480_000,
        fftSize: 400,
        hop: 160,
        mels: 80,
      });
      const frames = Math.floor(samples.length / 160);
      const [ours, theirs] = await Promise.all([samples, reference].map((x) => extractor.extract(x)));
      let sum = 0;
      for (let m = 0; m < 80; m++) {
        for (let f = 0; f < frames; f++)
          sum += Math.abs(ours.values[m * 3000 + f] - theirs.values[m * 3000 + f]);
      }
      // soxr's own next better recipe is the yardstick; scipy's polyphase filter is 30 to 100 times as far.
      const yardstick = wanted.other_resamplers?.soxr_vhq.mel_mean_abs_in_signal ?? 0;
      expect(sum / (80 * frames)).toBeLessThanOrEqual(Math.max(2 * yardstick, 1e-4));
    },
  );

  it('reads the extensible header and 64-bit floats', async () => {
    const plain = readFileSync(sound('chirp_48k_s24.wav'));
    const format = Buffer.alloc(24);
    format.writeUInt16LE(22, 0);
    format.writeUInt16LE(24, 2);
    // KSDATAFORMAT_SUBTYPE_PCM
    Buffer.from('0100000000001000800000aa00389b71', 'hex').copy(format, 8);
    const extensible = Buffer.concat([plain.subarray(0, 36), format, plain.subarray(36)]);
    extensible.writeUInt32LE(40, 16);
    extensible.writeUInt16LE(0xfffe, 20);
    expect(await collect(openAudio(extensible))).toEqual(await collect(openAudio(plain)));
    format.writeUInt8(3, 8);
    format.copy(extensible, 36);
    await expect(collect(openAudio(extensible))).rejects.toThrow(audioError(/format 3 of 24 bits/));

    const doubles = Float64Array.of(0.1, -1, 2 / 3);
    const header = wav([], { tag: 3, bits: 64, size: doubles.byteLength });
    const bytes = Buffer.concat([header, new Uint8Array(doubles.buffer)]);
    expect(await collect(openAudio(bytes))).toEqual(Float32Array.from(doubles));
  });

  // As libsndfile reads the same bytes.
  it('reads numbers of 20 bits in three bytes, and big-endian files', async () => {
    const plain = readFileSync(sound('chirp_48k_s24.wav'));
    const expected = await collect(openAudio(plain));
    const twenty = Buffer.from(plain);
    twenty.writeUInt16LE(20, 34);
    expect(await collect(openAudio(twenty))).toEqual(expected);

    for (const [bits, tag, values] of [
      [16, 1, Int16Array.of(1, -32_768, 12_345)],
      [24, 1, Uint8Array.of(1, 2, 3, 0xff, 0xfe, 0xfd)],
      [32, 1, Int32Array.of(1, -(2 ** 31), 123_456_789)],
      [32, 3, Float32Array.of(0.25, -1, 2 / 3)],
      [64, 3, Float64Array.of(0.25, -1, 2 / 3)],
    ] as const) {
      const data = Buffer.from(values.buffer);
      const little = Buffer.concat([wav([], { tag, bits, size: data.length }), data]);
      const big = Buffer.from(little);
      big.write('RIFX', 0);
      const width = bits / 8;
      for (let at = 44; at < big.length; at += width) big.subarray(at, at + width).reverse();
      for (const at of [4, 16, 24, 28, 40]) big.subarray(at, at + 4).reverse();
      for (const at of [20, 22, 32, 34]) big.subarray(at, at + 2).reverse();
      expect(await collect(openAudio(big))).toEqual(await collect(openAudio(little)));
    }
  });

  it('decodes Ogg Vorbis as libsndfile does', async () => {
    const folder = fixture('goldens/ogg');
    const path = join(folder, 'stereo_22k05.ogg');
    const wanted = readFileSync(join(folder, 'stereo_22k05.mono.bin'));
    const samples = await collect(openAudio(path));
    expect(largestDifference(samples, new Float32Array(new Uint8Array(wanted).buffer))).toBeLessThan(1e-6);
    expect(await collect(openAudio(readFileSync(path)))).toEqual(samples);
    const half = await collect(openAudio(readFileSync(path).subarray(0, 6000)));
    expect(half.length).toBeLessThan(samples.length);
  });

  it('decodes silence, which takes next to no bytes, in small pieces', async () => {
    const [frames, blockSize] = [3000, 4608];
    let [total, most] = [0, 0];
    for await (const { samples, sampleRate } of openAudio(silentFlac(frames, blockSize))) {
      expect(sampleRate).toBe(44_100);
      expect(samples.every((value) => value === 0)).toBe(true);
      total += samples.length;
      most = Math.max(most, samples.length);
    }
    expect(total).toBe(frames * blockSize);
    // All at once would be 13.8 million.
    expect(most).toBeLessThan(1.5e6);
  });

  it('reads what is there of a file whose header lies', async () => {
    expect(await collect(openAudio(wav([1, 2, 3], { size: 1e9 })))).toHaveLength(3);
    expect(await collect(openAudio(wav([1, 2, 3], { size: 4 })))).toHaveLength(2);
    expect(await collect(openAudio(wav([1, 2, 3], { size: 0xffffffff })))).toHaveLength(3);
    expect(await collect(openAudio(wav([1, 2, 3, 4, 5], { channels: 2 })))).toHaveLength(2);
  });

  it('keeps nothing of what follows the samples, however much it is', () => {
    const decoder = new WavDecoder();
    expect(decoder.decode(wav([1, 2, 3], { size: 4 }))?.channels[0]).toHaveLength(2);
    // Kept, this would be a gigabyte, copied anew for each piece.
    const piece = new Uint8Array(64 * 1024);
    for (let i = 0; i < 16_384; i++) expect(decoder.decode(piece)).toBeUndefined();
    expect(decoder.flush()).toBeUndefined();
  });

  it('takes 64 channels, and samples as they are', async () => {
    const many = wav(
      Array.from({ length: 128 }, (_, i) => 256 * (i % 64)),
      { channels: 64 },
    );
    expect(await collect(openAudio(many))).toEqual(new Float32Array(2).fill((31.5 * 256) / 32768));
    const samples = Float32Array.of(0.5, 2);
    expect(await collect(openAudio({ samples, sampleRate: 44_100 }))).toEqual(samples);
  });

  it('refuses what is no sound', async () => {
    const refused: [Parameters<typeof openAudio>[0], RegExp][] = [
      [new Uint8Array(0), /at least one byte/],
      [wav([]), /at least one sample/],
      [wav([1]).subarray(0, 30), /within its header/],
      [wav([1], { rate: 1 }), /sample rate.*1 Hz/],
      [wav([1], { rate: 1_000_000 }), /sample rate/],
      [wav([1], { channels: 0 }), /channels/],
      [wav([1], { bits: 40 }), /format 1 of 40 bits/],
      [{ samples: Float32Array.of(0, Number.NaN), sampleRate: 16_000 }, /finite/],
      [{ samples: new Float32Array(0), sampleRate: 16_000 }, /at least one sample/],
    ];
    for (const [source, message] of refused) {
      await expect(collect(openAudio(source))).rejects.toThrow(audioError(message));
    }
    await expect(collect(openAudio('/no/such/file.wav'))).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_IO' }),
    );
    await expect(collect(openAudio('/tmp'))).rejects.toThrow(audioError(/a folder/));
  });

  it('ends soon on damaged compressed files, with what can be heard or an error', async () => {
    const flac = readFileSync(sound('speech_5s_16k.flac'));
    for (const length of [4, 100, 5000, 50_000]) {
      const samples = await collect(openAudio(flac.subarray(0, length))).catch((error) => {
        expect(error).toMatchObject({ code: 'ERR_AUDIO' });
        return new Float32Array(0);
      });
      expect(samples.length).toBeLessThan(80_000);
    }
    const noise = Buffer.concat([
      Buffer.from('fLaC'),
      Buffer.from(readFloats('mel128/silence_2s_16k_s16.wav.bin.gz').buffer),
    ]);
    await expect(collect(openAudio(noise))).rejects.toThrow(audioError(/./));
  });

  it('hears what there is of an MP3 that was cut off', async () => {
    const mp3 = readFileSync(sound('speech_5s_22k.mp3'));
    const whole = await collect(openAudio(mp3));
    expect(whole.length).toBe(5 * 22_050);
    for (const length of [200, 5000, mp3.length - 1]) {
      const samples = await collect(openAudio(mp3.subarray(0, length))).catch((error) => {
        expect(error).toMatchObject({ code: 'ERR_AUDIO' });
        return new Float32Array(0);
      });
      expect(samples.length).toBeLessThanOrEqual(whole.length);
      if (length === 5000) expect(samples.length).toBeGreaterThan(0);
    }
  });
});
