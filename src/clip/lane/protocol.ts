import type { ImageLoadParams } from '../../image/lane/protocol.js';
import type { WireTexts } from '../../text/lane/protocol.js';

export interface ClipTokenizerParams {
  /** Absolute path of `tokenizer.json`. */
  file: string;
  padToken: string | undefined;
  padId: number | undefined;
  /** Most tokens per text, special tokens included; longer texts are cut. */
  maxTokens: number;
  /** Pad every text to `maxTokens`. */
  padToMax: boolean;
}

/** Parameters of `load`, which the lane answers with {@link ClipLoaded}. */
export interface ClipLoadParams {
  /** Absolute paths; without `text` and `vision`, `joint` does the work of both. */
  text: string | undefined;
  vision: string | undefined;
  joint: string | undefined;
  image: Omit<ImageLoadParams, 'modelFile'>;
  tokenizer: ClipTokenizerParams;
  /** Padded tokens per run of the text graph. */
  tokenBudget: number;
}

export interface ClipLoaded {
  /** Width of an embedding, of texts and of pictures. */
  dimensions: number;
}

/** Parameters of `embedTexts`. Reports {@link TextRows}. */
export interface EmbedTextsParams {
  job: number;
  texts: WireTexts;
  truncateDim: number | undefined;
  normalize: boolean;
}

/** Finished rows: `data` is row-major, one row for each of `rows`, which index the call's texts. */
export interface TextRows {
  rows: Uint32Array;
  data: Float32Array;
}

/** Answer of `scale`: logit = scale · cosine + bias. Undefined if no graph here says. */
export interface LogitScale {
  scale: number;
  bias: number;
}
