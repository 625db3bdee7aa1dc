import type { Priority } from '../../runtime/microbatch.js';
import type { SessionSettings } from '../../runtime/options.js';
import type { ChunkLimits } from '../chunking/plan.js';
import type { ModuleConfig, Side, TokenizerFiles } from '../config/index.js';

/** Parameters of `load`, which the lane answers with {@link Loaded}. */
export interface LoadParams {
  encoders: EncoderParams[];
  routes: RouteParams[];
  /** Whether the caller, and not the model, chose how to pool. */
  poolingChosen: boolean;
  session: SessionSettings;
  tokenBudget: number;
}

/** A Transformer. */
export interface EncoderParams {
  /** Absolute path of the ONNX file. */
  modelFile: string;
  tokenizer: TokenizerFiles;
  lowercase: boolean;
  maxTokens: number | undefined;
  /** As the model's configuration has it. */
  paddingPosition: number | undefined;
  vocabulary: number | undefined;
}

export interface RouteParams {
  /** Index of the Transformer. */
  encoder: number;
  modules: ModuleConfig[];
}

export interface Loaded {
  /** Width of an embedding. */
  dimensions: number;
  /** Width of a token's vector; undefined if the graph gives none. */
  tokenDimensions: number | undefined;
  /** Side on which texts are cut. Where that is the right, of long texts only the beginning need be sent. */
  truncationSide: Side;
  /** Tokens of `''`. */
  specialTokens: number;
}

/** One vector per text, or one per token. */
export type OutputKind = 'sentence' | 'token';

/**
 * Parts of a text that get vectors of their own, by late chunking: start and end of each, in UTF-16 units of the text
 * without its prompt.
 */
export type Spans = Uint32Array;

/** Where a call cuts texts, instead of where the model does. */
export interface TruncationWish {
  maxTokens: number | undefined;
  side: Side | undefined;
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
  /** By which {@link SkipParams} mean it. */
  window: number;
  priority: Priority;
  texts: WireTexts;
  /** Indices of texts of which only the beginning is here. */
  open: number[];
  prompt: string;
  /** Index of the route. */
  route: number;
  output: OutputKind;
  truncation: TruncationWish | undefined;
  truncateDim: number | undefined;
  normalize: boolean;
  /** Of each text. With these, a row for each span instead of one for each text. */
  spans: Spans[] | undefined;
  /** Whether its runs may have texts of other calls that are shared too; not with spans. */
  shared: boolean;
}

/** Finished texts, `rows` of the window. `data` is row-major: one row per text, token or span. */
export interface EmbedRows {
  rows: Uint32Array;
  data: Float32Array;
  /** Tokens of each text, padding not included. */
  lengths: Uint32Array;
  /** Tokens that the model was run on for these rows, padding included. */
  tokens: number;
  /** 1, or 0 if another call that shares the run tells of it. */
  runs: number;
}

export interface EmbedResult {
  /** Texts of which too little was sent to tell what truncation keeps; they have no row yet. */
  unfinished: number[];
}

export interface TokenizeParams {
  route: number;
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
  route: number;
  texts: WireTexts;
}

/** Asks for the chunks of texts, as the model's tokenizer measures them. */
export interface ChunkParams extends ChunkLimits {
  route: number;
  texts: WireTexts;
  /** Whether windows for late chunking are wanted too. */
  late: boolean;
}

export interface ChunkResult {
  /** Chunks of each text. */
  chunks: Uint32Array;
  /** Start, end and tokens of each chunk. */
  ranges: Uint32Array;
  /** Windows of each text, and of each window context, first and end, which count the chunks of its text. */
  windows: Uint32Array;
  members: Uint32Array;
}

export interface DecodeParams {
  route: number;
  ids: number[][];
  skipSpecialTokens: boolean;
}

export interface CancelParams {
  job: number;
}

/** The note that another lane has taken over texts of a window. */
export interface SkipParams {
  window: number;
  texts: number[];
}
