import { EmbedlaneError } from '../../core/errors.js';

/** A piece of decoded audio. */
export interface Pcm {
  /** Samples per second. */
  sampleRate: number;
  /** Samples of each channel, in [-1, 1] unless the file says otherwise. */
  channels: Float32Array[];
}

/** A piece of audio with one channel. */
export interface MonoPcm {
  sampleRate: number;
  samples: Float32Array;
}

/** Turns encoded bytes into samples, piece by piece. */
export interface PcmDecoder {
  decode(bytes: Uint8Array): Promise<Pcm | undefined> | Pcm | undefined;
  /** What is left after the last bytes. */
  flush(): Promise<Pcm | undefined> | Pcm | undefined;
  /** Gives memory back. No call may follow. */
  free(): void;
}

/** The error for audio that cannot be used. */
export function audioError(expected: string, actual: string, cause?: unknown): EmbedlaneError {
  return new EmbedlaneError('ERR_AUDIO', `Expected ${expected} but received ${actual}`, { cause });
}

/** Mean of the channels, summed in float32 as NumPy does. */
export function toMono({ sampleRate, channels }: Pcm): MonoPcm {
  if (channels.length === 1) return { sampleRate, samples: channels[0] };
  const { fround } = Math;
  const samples = channels[0].slice();
  for (const channel of channels.slice(1)) {
    for (let i = 0; i < samples.length; i++) samples[i] += channel[i];
  }
  for (let i = 0; i < samples.length; i++) samples[i] = fround(samples[i] / channels.length);
  return { sampleRate, samples };
}
