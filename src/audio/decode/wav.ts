import { audioError, type Pcm, type PcmDecoder } from './pcm.js';

/** Bytes of other chunks than samples that a header may have before them. */
const MAX_HEADER = 16 * 1024 * 1024;
const MAX_CHANNELS = 1024;

interface Format {
  sampleRate: number;
  channels: number;
  /** Bytes of one sample of all channels. */
  blockSize: number;
  read: SampleReader;
}

type SampleReader = (view: DataView, at: number, little: boolean) => number;

// Integers divide by 2^(bits − 1), also the positive ones: what libsndfile does, and with it Python's soundfile.
const READERS: Record<string, SampleReader> = {
  'pcm 8': (view, at) => (view.getUint8(at) - 128) / 128,
  'pcm 16': (view, at, little) => view.getInt16(at, little) / 32768,
  'pcm 24': (view, at, little) =>
    (view.getInt8(little ? at + 2 : at) * 65536 + view.getUint16(little ? at : at + 1, little)) / 8388608,
  'pcm 32': (view, at, little) => view.getInt32(at, little) / 2147483648,
  'float 32': (view, at, little) => view.getFloat32(at, little),
  'float 64': (view, at, little) => view.getFloat64(at, little),
};

const FORMAT_TAGS: Record<number, string> = { 1: 'pcm', 3: 'float' };
const EXTENSIBLE = 0xfffe;

/** What a {@link WavDecoder} throws at samples that are compressed (A-law, ADPCM …), of which ffmpeg knows more. */
export class OtherCodec extends Error {}

/** RIFF/WAVE with integer or float samples, also WAVE_FORMAT_EXTENSIBLE, and RIFX, whose numbers are big-endian. */
export class WavDecoder implements PcmDecoder {
  #rest: Uint8Array = new Uint8Array(0);
  #format: Format | undefined;
  /** Bytes of samples that the header promises; a size of 0 or 2³² − 1 is a stream's that did not know. */
  #left = Number.POSITIVE_INFINITY;
  #little = true;

  decode(bytes: Uint8Array): Pcm | undefined {
    // What follows the samples may be long: other chunks, or all beyond a size that does not fit its 32 bits.
    if (this.#format && this.#left < this.#format.blockSize) return undefined;
    this.#rest = this.#rest.length === 0 ? bytes : concat(this.#rest, bytes);
    if (!this.#format && !this.#readHeader()) return undefined;
    const { blockSize, channels, sampleRate, read } = this.#format as Format;
    const frames = Math.floor(Math.min(this.#rest.length, this.#left) / blockSize);
    if (frames === 0) return undefined;
    const view = new DataView(this.#rest.buffer, this.#rest.byteOffset, frames * blockSize);
    const width = blockSize / channels;
    const little = this.#little;
    const data = Array.from({ length: channels }, (_, channel) => {
      const samples = new Float32Array(frames);
      for (let i = 0; i < frames; i++) samples[i] = read(view, i * blockSize + channel * width, little);
      return samples;
    });
    this.#rest = this.#rest.slice(frames * blockSize);
    this.#left -= frames * blockSize;
    return { sampleRate, channels: data };
  }

  flush(): Pcm | undefined {
    if (!this.#format) throw audioError('a complete WAV file', 'one that ends within its header');
    return undefined;
  }

  free(): void {
    this.#rest = new Uint8Array(0);
  }

  /** Whether the header is complete; what follows it stays. */
  #readHeader(): boolean {
    const bytes = this.#rest;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length >= 4) this.#little = bytes[3] !== 0x58; // RIFX
    for (let at = 12; at + 8 <= bytes.length; ) {
      const name = String.fromCharCode(...bytes.subarray(at, at + 4));
      const size = view.getUint32(at + 4, this.#little);
      if (name === 'data') {
        if (!this.#format) throw audioError('a WAV file that says how its samples are coded', 'one without');
        if (size !== 0 && size !== 0xffffffff) this.#left = size;
        this.#rest = bytes.slice(at + 8);
        return true;
      }
      if (name === 'fmt ') {
        if (at + 8 + Math.min(size, 40) > bytes.length) return false;
        this.#format = readFormat(
          new DataView(bytes.buffer, bytes.byteOffset + at + 8, Math.min(size, 40)),
          this.#little,
        );
      }
      // Chunks begin at even places.
      at += 8 + size + (size % 2);
    }
    if (bytes.length > MAX_HEADER) throw audioError('a WAV file with samples', 'only other data');
    // The format may have come without the samples; it will be read again.
    this.#format = undefined;
    return false;
  }
}

function readFormat(chunk: DataView, little: boolean): Format {
  if (chunk.byteLength < 16) throw audioError('a WAV format of 16 bytes or more', `${chunk.byteLength}`);
  let tag = chunk.getUint16(0, little);
  const channels = chunk.getUint16(2, little);
  const sampleRate = chunk.getUint32(4, little);
  const blockSize = chunk.getUint16(12, little);
  const stored = chunk.getUint16(14, little);
  if (tag === EXTENSIBLE && chunk.byteLength >= 26) tag = chunk.getUint16(24, little);
  // Numbers of 12 or 20 bits fill the high ones of whole bytes.
  const bits = 8 * Math.ceil(stored / 8);
  if (!(tag in FORMAT_TAGS)) throw new OtherCodec(`format ${tag}`);
  const read = READERS[`${FORMAT_TAGS[tag]} ${bits}`];
  if (!read) {
    throw audioError(
      'integer samples of 8, 16, 24 or 32 bits or float samples of 32 or 64 bits in a WAV file',
      `format ${tag} of ${stored} bits`,
    );
  }
  if (channels === 0 || channels > MAX_CHANNELS || blockSize !== (channels * bits) / 8) {
    throw audioError(
      `1 to ${MAX_CHANNELS} channels of ${bits} bits in a WAV file`,
      `${channels} channels in ${blockSize} bytes`,
    );
  }
  return { sampleRate, channels, blockSize, read };
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
