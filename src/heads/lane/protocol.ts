import type { SessionSettings } from '../../runtime/options.js';
import type { DenseConfig } from '../../text/config/index.js';
import type { EncoderParams, WireTexts } from '../../text/lane/protocol.js';

/** What is made of a graph's outputs. */
export type HeadParams =
  /** Logits per sequence: `scores`. */
  | { kind: 'scores' }
  /** Logits per token over the vocabulary, pooled to `sparse`. */
  | { kind: 'sparse'; strategy: 'max' | 'sum'; activation: 'relu' | 'log1p_relu' }
  /** Vectors per token, projected and, unless the model leaves that out, normalised: `tokens`. */
  | { kind: 'tokens'; dense: DenseConfig[]; normalize: boolean }
  /** The three outputs of bge-m3: `dense`, `sparse`, `tokens`; the layers' files, for graphs without them. */
  | { kind: 'm3'; weights: { sparse: string; colbert: string }; ignored: string[] };

/** Parameters of `load`, answered with {@link Loaded}. */
export interface LoadParams {
  encoder: EncoderParams;
  head: HeadParams;
  session: SessionSettings;
  tokenBudget: number;
}

export interface Loaded {
  /** Values per field of a short text: number of labels, vocabulary, width of a vector. */
  widths: Record<string, number>;
}

/** What is done to a text's tokens besides tokenising. */
export interface TokenOptions {
  /** Most tokens, inserted and special ones included. */
  maxTokens?: number;
  /** Token that comes after the first one, by its spelling. */
  marker?: string;
  /** Tokens are added up to this length; the model sees them only if `attend`. */
  expansion?: { token: string; length: number; attend: boolean };
  /** Spellings of tokens whose vectors are left out. */
  skipped?: readonly string[];
  /** The only tokens whose vectors are kept, by id; all if it is empty. */
  only?: readonly number[];
}

/** Parameters of `run`, which reports {@link HeadRows} batch by batch. */
export interface RunParams {
  job: number;
  texts: WireTexts;
  /** Second text of each pair. */
  seconds: WireTexts | undefined;
  tokens: TokenOptions;
}

/** One kind of result: row `i` has the next `lengths[i]` of the values. */
export interface Field {
  lengths: Uint32Array;
  values: Float32Array;
  /** Which of a sparse vector's dimensions each value is for. */
  indices?: Uint32Array;
}

export interface HeadRows {
  /** Indices into the window. */
  rows: Uint32Array;
  fields: Record<string, Field>;
  /** Tokens that the model was run on, padding included. */
  tokens: number;
  /** The same without padding. */
  used: number;
}
