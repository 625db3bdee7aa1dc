import type { PreparationParams, WireImage } from '../../../image/lane/protocol.js';
import type { SessionSettings } from '../../../runtime/options.js';

export interface LoadParams {
  modelFile: string;
  preparation: PreparationParams;
  frames: number;
  audioSamples: number;
  session: SessionSettings;
  /** Threads that resize. */
  workers: number;
}

export interface Loaded {
  /** Number of latents, and their width. */
  latents: number;
  dimensions: number;
  /** Number of classes; 0 if the graph tells none apart. */
  classes: number;
}

export interface EmbedParams {
  job: number;
  images: WireImage[];
  audio: Float32Array;
}

/** What the model makes of one clip. */
export interface ClipStates {
  /** Row-major `[latents, dimensions]`. */
  latents: Float32Array;
  /** Empty if the graph tells no classes apart. */
  logits: Float32Array;
}
