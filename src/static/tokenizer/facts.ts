import type { TokenizerJson } from '../../text/word-piece/tokenizer-json.js';

/** What a static model wants to know of its tokenizer. */
export interface TokenizerFacts {
  /** Highest token id. */
  highestId: number;
  /** Id of unknown tokens, if there is one. */
  unknown: number | undefined;
  /** Most tokens that `tokenizer.json` itself keeps. */
  most: number | undefined;
  /** Whether truncation keeps the end of a text. */
  fromEnd: boolean;
  /** Median number of characters in a token, rounded down: model2vec's estimate of a token's length. */
  medianTokenLength: number;
}

/** Reads what {@link TokenizerFacts} has from a parsed file; the library has accepted the rest, or will not. */
export function tokenizerFacts(json: TokenizerJson): TokenizerFacts {
  const { model, truncation, added_tokens: added = [] } = json;
  const ids = new Map<string, number>(
    Array.isArray(model?.vocab)
      ? model.vocab.map(([token], id) => [token, id])
      : Object.entries(model?.vocab ?? {}),
  );
  for (const { content, id } of added) ids.set(content, id);
  const lengths = Array.from(ids.keys(), (token) => Array.from(token).length).sort((a, b) => a - b);
  const middle = lengths.length / 2;
  return {
    highestId: Array.from(ids.values()).reduce((a, b) => Math.max(a, b), 0),
    unknown: typeof model?.unk_token === 'string' ? ids.get(model.unk_token) : (model?.unk_id ?? undefined),
    most: truncation?.max_length,
    fromEnd: truncation?.direction === 'Left',
    medianTokenLength: Math.floor((lengths[Math.ceil(middle) - 1] + lengths[Math.floor(middle)]) / 2),
  };
}
