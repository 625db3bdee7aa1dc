/** The parts of `tokenizer.json` that are read here. */
export interface TokenizerJson {
  model?: {
    type?: string;
    /** Ids by token, or for Unigram tokens with scores. */
    vocab?: Record<string, number> | [string, number][];
    unk_token?: string | null;
    unk_id?: number | null;
    continuing_subword_prefix?: string;
    max_input_chars_per_word?: number;
  };
  normalizer?: {
    type?: string;
    clean_text?: boolean;
    handle_chinese_chars?: boolean;
    strip_accents?: boolean | null;
    lowercase?: boolean;
  } | null;
  pre_tokenizer?: { type?: string } | null;
  added_tokens?: AddedToken[];
  truncation?: { max_length?: number; direction?: string } | null;
}

export interface AddedToken {
  id: number;
  content: string;
  normalized?: boolean;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
}

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
