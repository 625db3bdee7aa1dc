import type { Priority } from '../../runtime/microbatch.js';
import type { PoolingConfig, TokenizerFiles } from '../config/index.js';

/** Parameters of `load`, which the lane answers with {@link Loaded}. */
export interface LoadParams {
  /** Absolute path of the ONNX file. */
  modelFile: string;
  tokenizer: TokenizerFiles;
  lowercase: boolean;
  maxTokens: number | undefined;
  pooling: PoolingConfig;
  /** Whether the model's own modules end in Normalize. */
  normalize: boolean;
  threads: number;
  /** Microseconds that waiting inference threads spin. */
  spin: number;
  tokenBudget: number;
}

export interface Loaded {
  /** Width of an embedding. */
  dimensions: number;
  /** Whether a text's beginning is what truncation keeps, so that the rest need not be sent. */
  keepsBeginning: boolean;
}

/** Texts on their way to a lane. Long ones travel ahead in pieces; `texts` has `''` in their place. */
export interface WireTexts {
  texts: string[];
  joined: { index: number; key: number }[];
}

/** The note that carries one piece of a long text. */
export interface PieceParams {
  key: number;
  piece: string;
}

/** Parameters of `embed`. Reports {@link EmbedRows}, then answers with {@link EmbedResult}. */
export interface EmbedParams {
  /** Encode call that this window belongs to, for turns and cancellation. */
  job: number;
  priority: Priority;
  texts: WireTexts;
  /** Indices of texts of which only the beginning is here. */
  open: number[];
  prompt: string;
  truncateDim: number | undefined;
  normalize: boolean;
}

/** Finished rows: `data` is row-major, one row for each of `rows`, which index the window's texts. */
export interface EmbedRows {
  rows: Uint32Array;
  data: Float32Array;
  /** Tokens of each row's text, padding not included. */
  lengths: Uint32Array;
  /** Tokens that the model was run on for these rows, padding included. */
  tokens: number;
}

export interface EmbedResult {
  /** Texts of which too little was sent to tell what truncation keeps; they have no row yet. */
  unfinished: number[];
}

export interface TokenizeParams {
  texts: WireTexts;
  open: number[];
}

/** Tokens of all texts, end to end: text `i` has the next `lengths[i]` of them. */
export interface TokenizeResult {
  lengths: Uint32Array;
  ids: Uint32Array;
  tokens: string[];
  /** Two per token: start and end in UTF-16 units of the text. */
  offsets: Uint32Array;
  unfinished: number[];
}

export interface CountParams {
  texts: WireTexts;
}

export interface CancelParams {
  job: number;
}
