import type { TokenLimits, WordPieceSpec } from '../../native/binding.js';
import type { TokenizerFacts } from './facts.js';

/** What the tokenizer's worker is asked. */
export type ToWorker =
  | { id: number; method: 'open'; file: string }
  | { id: number; method: 'encode'; texts: string[]; limits: TokenLimits }
  | { id: number; method: 'tokenize'; texts: string[]; limits: TokenLimits }
  | { id: number; method: 'decode'; ids: number[][]; skipSpecialTokens: boolean }
  | { id: number; method: 'close' };

/** Answer to `open`. */
export interface Opened {
  facts: TokenizerFacts;
  /** For the native tokenizer, if it can stand in for the library. */
  wordPiece: WordPieceSpec | undefined;
}

/** Answer to `encode`: text `i` has the ids before `ends[i]`. */
export interface Encoded {
  ids: Uint32Array;
  ends: Uint32Array;
}

/** Answer to `tokenize`. */
export interface TokenizedTexts extends Encoded {
  tokens: string[];
  /** Two per token: start and end in UTF-16 units of the text. */
  offsets: Uint32Array;
}
