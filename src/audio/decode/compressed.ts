import type { Pcm, PcmDecoder } from './pcm.js';

/** What the decoders below return, all compiled to WebAssembly from the formats' own libraries. */
interface Decoded {
  channelData: Float32Array[];
  samplesDecoded?: number;
  sampleRate: number;
  bitDepth?: number;
  errors?: { message: string }[];
}

interface WasmDecoder {
  ready: Promise<void>;
  decode(bytes: Uint8Array): Promise<Decoded> | Decoded;
  flush?(): Promise<Decoded> | Decoded;
  free(): void;
}

/** FLAC. */
export async function flacDecoder(): Promise<PcmDecoder> {
  const { FLACDecoder } = await import('@wasm-audio-decoders/flac');
  return wrap(new FLACDecoder(), fullScale);
}

/** MP3, and MPEG audio layers I and II. */
export async function mp3Decoder(): Promise<PcmDecoder> {
  const { MPEGDecoder } = await import('mpg123-decoder');
  return wrap(new MPEGDecoder());
}

/** Ogg with Vorbis. */
export async function vorbisDecoder(): Promise<PcmDecoder> {
  const { OggVorbisDecoder } = await import('@wasm-audio-decoders/ogg-vorbis');
  return wrap(new OggVorbisDecoder());
}

async function wrap(decoder: WasmDecoder, fix: (decoded: Decoded) => void = () => {}): Promise<PcmDecoder> {
  await decoder.ready;
  const pcm = (decoded: Decoded): Pcm | undefined => {
    if (!decoded.channelData[0]?.length) return undefined;
    fix(decoded);
    return { sampleRate: decoded.sampleRate, channels: decoded.channelData };
  };
  return {
    decode: async (bytes) => pcm(await decoder.decode(bytes)),
    flush: async () => (decoder.flush ? pcm(await decoder.flush()) : undefined),
    free: () => decoder.free(),
  };
}

/** The FLAC decoder divides by 2^(bits − 1) − 1, libsndfile by 2^(bits − 1): the integers are put back first. */
function fullScale({ channelData, bitDepth = 16 }: Decoded): void {
  const most = 2 ** (bitDepth - 1) - 1;
  for (const channel of channelData) {
    for (let i = 0; i < channel.length; i++) channel[i] = Math.round(channel[i] * most) / (most + 1);
  }
}
