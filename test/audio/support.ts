import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { fixture } from '../text/goldens.js';

export const MODEL = fixture('models/tiny-whisper');
export const sound = (name: string) => fixture(`media/audio/${name}`);

export interface SoundGolden {
  rate: number;
  channels: number;
  frames: number;
  decoded: { sha256: string };
  mono: { sha256: string };
  resampled_16k?: { file: string };
  other_resamplers?: Record<
    'scipy_polyphase' | 'soxr_vhq',
    { mel_mean_abs_in_signal: number; mel_max_abs: number }
  >;
  mel80: { file: string };
  mel128?: { file: string };
  valid_mel_frames: number;
  encoder: { valid_encoder_frames: number; last_hidden_state?: { file: string } };
  decoder?: { input_ids: number[]; last_hidden_state: { file: string } };
}

export const golden = JSON.parse(readFileSync(fixture('goldens/whisper/whisper.json'), 'utf8')) as {
  files: Record<string, SoundGolden>;
  embeddings: { files: string[] };
};

export const goldenSounds = Object.entries(golden.files);

function readBytes(file: string): Buffer {
  const bytes = readFileSync(fixture(`goldens/whisper/${file}`));
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

export function readFloats(file: string): Float32Array {
  const bytes = readBytes(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

export function readDoubles(file: string): Float64Array {
  const bytes = readBytes(file);
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

export async function collect(parts: AsyncIterable<{ samples: Float32Array }>): Promise<Float32Array> {
  const all: Float32Array[] = [];
  for await (const { samples } of parts) all.push(samples);
  return join(all);
}

export function join(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
