import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { EmbedlaneError } from '../../core/errors.js';
import type { FfmpegReading } from '../../runtime/ffmpeg.js';
import { flacDecoder, mp3Decoder, vorbisDecoder } from './compressed.js';
import { decodeWithFfmpeg } from './ffmpeg.js';
import { following, skipLeadingTags, withoutTrailingTag } from './id3.js';
import { audioError, type MonoPcm, type Pcm, type PcmDecoder, toMono } from './pcm.js';
import { OtherCodec, WavDecoder } from './wav.js';

/** A sound as it comes to the lane: path of a file, its bytes, or samples. */
export type AudioSource = string | Uint8Array | MonoPcm;

/** Rates of speech, music and measurement; beyond them a header is wrong. */
export const RATES = { least: 1000, most: 768_000 };
const READ_SIZE = 256 * 1024;
/** A decoder gets at most so many bytes at a time, so that what it returns stays small too. */
const PIECE = 64 * 1024;
/** Of a compressed sound: an hour of silence is half a megabyte. */
const COMPRESSED_PIECE = 4 * 1024;

/**
 * Decodes a sound to one channel, piece by piece, at its own rate.
 *
 * @param reading of what ffmpeg decodes: an abort, and how long it may be silent
 * @throws {EmbedlaneError} `ERR_AUDIO` for what is no audio, has no samples or impossible ones; `ERR_IO`
 */
export async function* openAudio(source: AudioSource, reading: FfmpegReading = {}): AsyncGenerator<MonoPcm> {
  let rate: number | undefined;
  let total = 0;
  for await (const piece of pieces(source, reading)) {
    const { sampleRate, samples } = piece;
    checkPiece(piece);
    if (rate !== undefined && sampleRate !== rate) {
      throw audioError(`one sample rate, ${rate} Hz`, `a change to ${sampleRate} Hz`);
    }
    rate = sampleRate;
    total += samples.length;
    yield piece;
  }
  if (total === 0) throw audioError('at least one sample', 'none');
}

/** @throws {EmbedlaneError} `ERR_AUDIO` for a rate or samples that cannot be */
export function checkPiece({ sampleRate, samples }: MonoPcm): void {
  if (!(sampleRate >= RATES.least && sampleRate <= RATES.most)) {
    throw audioError(`a sample rate between ${RATES.least} and ${RATES.most} Hz`, `${sampleRate} Hz`);
  }
  if (!samples.every(Number.isFinite)) throw audioError('finite samples', 'NaN or Infinity');
}

async function* pieces(source: AudioSource, reading: FfmpegReading): AsyncGenerator<MonoPcm> {
  if (typeof source === 'object' && 'samples' in source) {
    yield source;
    return;
  }
  for await (const pcm of decode(source, reading)) yield toMono(pcm);
}

async function* decode(source: string | Uint8Array, reading: FfmpegReading): AsyncGenerator<Pcm> {
  const bytes = typeof source === 'string' ? await readPieces(source) : bytePieces(source);
  const { tagged, rest } = await skipLeadingTags(bytes);
  const first = await rest.next();
  if (first.done) throw audioError('at least one byte of audio', 'none');
  const format = sniff(first.value) ?? (tagged ? 'mp3' : 'other');
  const open = DECODERS[format];
  if (!open) {
    await rest.return(undefined);
    yield* decodeWithFfmpeg(source, reading);
    return;
  }
  const decoder = await open();
  const size = format === 'wav' ? PIECE : COMPRESSED_PIECE;
  const whole = following(first.value, rest);
  try {
    for await (const more of format === 'flac' ? withoutTrailingTag(whole) : whole) {
      for (const piece of split(more, size)) yield* some(await decoder.decode(piece));
    }
    yield* some(await decoder.flush());
  } catch (cause) {
    if (cause instanceof OtherCodec) {
      yield* decodeWithFfmpeg(source, reading);
      return;
    }
    if (cause instanceof EmbedlaneError) throw cause;
    throw audioError('audio that can be decoded', (cause as Error).message, cause);
  } finally {
    decoder.free();
  }
}

type Format = 'wav' | 'flac' | 'mp3' | 'vorbis' | 'other';

const DECODERS: Record<Format, (() => Promise<PcmDecoder> | PcmDecoder) | undefined> = {
  wav: () => new WavDecoder(),
  flac: flacDecoder,
  mp3: mp3Decoder,
  vorbis: vorbisDecoder,
  other: undefined,
};

/** Tells the format by the first bytes, whatever the file is called. */
export function sniff(bytes: Uint8Array): Format | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 64));
  if (/^RIF[FX]/.test(text) && text.startsWith('WAVE', 8)) return 'wav';
  if (text.startsWith('fLaC')) return 'flac';
  if (text.startsWith('OggS') && text.startsWith('\x01vorbis', 28)) return 'vorbis';
  // A frame header of MPEG audio: eleven set bits, a version, a layer and a bit rate that exist.
  const [a, b, c] = bytes;
  const isFrame = a === 0xff && (b & 0xe0) === 0xe0 && (b & 0x18) !== 0x08 && (b & 0x06) !== 0;
  return isFrame && (c & 0xf0) !== 0xf0 && (c & 0x0c) !== 0x0c ? 'mp3' : undefined;
}

async function readPieces(path: string): Promise<AsyncGenerator<Uint8Array>> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw audioError(`a file at ${path}`, found.isDirectory() ? 'a folder' : 'no file');
  } catch (cause) {
    if (cause instanceof EmbedlaneError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new EmbedlaneError('ERR_IO', `Expected an audio file at ${path} but received ${code}`, { cause });
  }
  return (async function* () {
    try {
      for await (const bytes of createReadStream(path, { highWaterMark: READ_SIZE }))
        yield bytes as Uint8Array;
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new EmbedlaneError('ERR_IO', `Expected a readable audio file at ${path} but received ${code}`, {
        cause,
      });
    }
  })();
}

async function* bytePieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

function* split(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

function* some(pcm: Pcm | undefined): Generator<Pcm> {
  if (pcm) yield pcm;
}
