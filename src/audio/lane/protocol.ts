import type { SessionSettings } from '../../runtime/options.js';
import type { WhisperFeatureConfig } from '../features/whisper.js';

export interface LoadParams {
  encoderFile: string;
  /** Absent where only the encoder is used. */
  decoderFile: string | undefined;
  features: WhisperFeatureConfig;
  session: SessionSettings;
}

export interface Loaded {
  /** Width of the encoder's states. */
  dimensions: number;
}

/** A sound: a file that the lane opens, or the key of what was sent ahead: bytes, or samples if it has a rate. */
export type WireSource = { path: string } | { key: number; sampleRate?: number };

export interface PieceParams {
  key: number;
  piece: Uint8Array | Float32Array;
}

/** What each window of a sound becomes. */
export interface WindowParams {
  /** Seconds that neighbouring windows share. */
  overlap: number;
  /** Seconds of the audio that count; undefined for all. */
  maxSeconds: number | undefined;
  /** What each window is reported as; `'whole'`: one row for all of the sound, by a model that takes it at once. */
  output: 'mean' | 'frames' | 'decoder' | 'whole';
  /** Whether the silence that fills up a window counts. */
  padding: boolean;
  /** For output `'decoder'`. */
  decoderInputIds: number[];
}

export interface EmbedParams extends WindowParams {
  job: number;
  source: WireSource;
}

/** A stream of samples: each `pushStream` and `endStream` is answered with the windows that it completes. */
export interface OpenStreamParams extends WindowParams {
  stream: number;
  sampleRate: number;
}

export interface PushStreamParams {
  stream: number;
  samples: Float32Array;
}

export interface StreamParams {
  stream: number;
}

/** One window's result. */
export interface WindowReport {
  /** Seconds from the beginning. */
  start: number;
  end: number;
  /** Its weight in a mean over windows: encoder frames, or samples, that went into it. */
  frames: number;
  /** Row-major `[rows, dimensions]`: one row for `'mean'` and `'whole'`, one per frame or decoder token for the others. */
  data: Float32Array;
}

export interface CancelParams {
  job: number;
}
