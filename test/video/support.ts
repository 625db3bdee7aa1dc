import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { fixture } from '../text/goldens.js';

const version = spawnSync('ffmpeg', ['-version'], { encoding: 'utf8' });
export const hasFfmpeg = version.status === 0;
if (!hasFfmpeg) console.warn('SKIPPED: ffmpeg is not on the PATH, so films are not tested');
/** The one that made the goldens; others may decode colours a few levels off. */
export const sameFfmpeg = /^ffmpeg version 5\.1\b/.test(version.stdout ?? '');

export const TINY_CLIP = fixture('models/tiny-clip');
export const TINY_PERCEIVER = fixture('models/tiny-perceiver');
export const film = (name: string) => fixture(`media/video/${name}`);
export const FILMS = ['clip_h264_aac.mp4', 'short_vp9.webm'] as const;

interface Pooled {
  frame_embeddings: { file: string } | null;
  mean: { file: string };
  mean_l2: { file: string };
  mean_of_normalized_l2: { file: string };
}

interface Samples {
  index: number[];
  frames?: { file: string };
  'tiny-clip': Pooled;
  'efficientnet-lite0': Pooled;
}

export const golden = JSON.parse(readFileSync(fixture('goldens/video/video.json'), 'utf8')) as {
  clips: Record<string, { width: number; height: number; frames: number; samples: Record<string, Samples> }>;
  perceiver: Record<
    'image_pixels' | 'audio' | 'last_hidden_state' | 'label_logits' | 'embedding',
    { file: string }
  >;
};

export function readBytes(file: string): Buffer {
  const bytes = readFileSync(fixture(`goldens/video/${file}`));
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

export function readFloats(file: string): Float32Array {
  const bytes = readBytes(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** The 16 frames of a film that the goldens were made from. */
export function storedFrames(name: string) {
  const { width, height, samples } = golden.clips[name];
  const bytes = readBytes(samples[16].frames?.file ?? '');
  const size = 3 * width * height;
  return Array.from({ length: 16 }, (_, i) => ({
    data: new Uint8Array(bytes.subarray(i * size, (i + 1) * size)),
    width,
    height,
    channels: 3 as const,
  }));
}

export function makeFilm(path: string, ...args: string[]): string {
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...args, `file:${path}`]);
  return path;
}

export const videoError = (message: RegExp) =>
  expect.objectContaining({ code: 'ERR_VIDEO', message: expect.stringMatching(message) as string });
