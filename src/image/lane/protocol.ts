import type { SessionSettings } from '../../runtime/options.js';
import type { WireError } from '../../runtime/protocol.js';
import type { Preprocessing } from '../config/index.js';
import type { Channels } from '../decode/raw.js';
import type { DecodeSettings } from '../decode/settings.js';
import type { ImageFormat } from '../decode/sniff.js';

/** What the threads that decode and resize need to know. */
export interface PreparationParams {
  preprocessing: Preprocessing;
  decode: DecodeSettings;
  /** Order of the passes of a resize: Pillow 13's, or that of the versions before. */
  heightFirst: boolean;
}

/** Parameters of `load`, which the lane answers with {@link Loaded}. */
export interface ImageLoadParams extends PreparationParams {
  /** Absolute path of the ONNX file. */
  modelFile: string;
  modelType: string;
  pooling: ImagePooling | undefined;
  session: SessionSettings;
  /** Pictures per run of the model. */
  batchSize: number;
  /** Threads that decode and resize. */
  workers: number;
}

/** How a model's outputs become one vector. */
export type ImagePooling = 'cls' | 'mean' | 'pooler';

export interface Loaded {
  /** Width of an embedding; 0 if the graph has no output of features. */
  dimensions: number;
  /** Number of classes; 0 if the graph has no logits. */
  classes: number;
}

/** Where a picture's bytes are: exactly one of the fields `path`, `url`, `bytes` and `key`. */
export interface WireImage {
  path?: string;
  url?: string;
  bytes?: Uint8Array;
  /** Sent ahead in pieces under this key. */
  key?: number;
  /** The bytes are pixels and not an encoded picture. */
  raw?: { width: number; height: number; channels: Channels };
  /** Format that the source promises. */
  format?: ImageFormat;
}

/** The note that carries a piece of a picture. */
export interface PieceParams {
  key: number;
  piece: Uint8Array;
}

/** Parameters of `embed`. Reports {@link ImageRows} and {@link ImageFailure}, then answers. */
export interface EmbedImagesParams {
  /** Encode call that this window belongs to, for turns and cancellation. */
  job: number;
  images: WireImage[];
  output: 'features' | 'logits';
  truncateDim: number | undefined;
  normalize: boolean;
}

/** Finished rows: `data` is row-major, one row for each of `rows`, which index the window's pictures. */
export interface ImageRows {
  rows: number[];
  data: Float32Array;
}

/** A picture that could not be read. */
export interface ImageFailure {
  row: number;
  error: WireError;
}

export type ImageReport = ImageRows | ImageFailure;

export interface CancelParams {
  job: number;
}
