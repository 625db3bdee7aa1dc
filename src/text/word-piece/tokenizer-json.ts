/** The parts of `tokenizer.json` that are read here; the rest is the library's business. */
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
    /** Of a sequence. */
    normalizers?: { type: string }[];
  } | null;
  pre_tokenizer?: { type?: string } | null;
  post_processor?: PostProcessor | null;
  decoder?: { type?: string; prefix?: string; cleanup?: boolean } | null;
  added_tokens?: AddedToken[];
  truncation?: { max_length?: number; direction?: string } | null;
  padding?: { direction?: string; pad_id?: number; pad_type_id?: number } | null;
}

export interface AddedToken {
  id: number;
  content: string;
  special?: boolean;
  normalized?: boolean;
  single_word?: boolean;
}

/** What puts special tokens around a text. */
export interface PostProcessor {
  type?: string;
  /** Token and id. */
  cls?: [string, number];
  sep?: [string, number];
  /** Of a template, for one text. */
  single?: { SpecialToken?: TemplatePart; Sequence?: TemplatePart }[];
  /** Ids that each special token of a template stands for. */
  special_tokens?: Record<string, { ids?: number[] }>;
}

interface TemplatePart {
  id: string;
  type_id: number;
}
