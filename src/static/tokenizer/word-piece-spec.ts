import type { WordPieceSpec } from '../../native/binding.js';
import { joinStrings } from './strings.js';
import type { AddedToken, TokenizerJson } from './tokenizer-json.js';

/**
 * What the native tokenizer needs to know of a `tokenizer.json`, if it can do what that says: BERT's
 * normalisation and word splitting with WordPiece, lowercasing and stripping accents either both or not at
 * all, and added tokens that are found whatever is around them. Undefined for everything else, which is the
 * library's business.
 */
export function wordPieceSpec(json: TokenizerJson): WordPieceSpec | undefined {
  const { model, normalizer, pre_tokenizer: preTokenizer, added_tokens: added = [] } = json;
  if (model?.type !== 'WordPiece' || normalizer?.type !== 'BertNormalizer') return undefined;
  if (preTokenizer?.type !== 'BertPreTokenizer') return undefined;
  const {
    lowercase,
    strip_accents: stripAccents,
    clean_text: clean,
    handle_chinese_chars: chinese,
  } = normalizer;
  if (!clean || !chinese || lowercase !== (stripAccents ?? lowercase)) return undefined;
  if (!added.every(isPlain)) return undefined;
  const vocabulary = model.vocab as Record<string, number>;
  const unknown = vocabulary[model.unk_token as string];
  const prefix = model.continuing_subword_prefix;
  const mostCharacters = model.max_input_chars_per_word;
  const numbers = [unknown, mostCharacters, ...Object.values(vocabulary), ...added.map(({ id }) => id)];
  if (typeof prefix !== 'string' || !numbers.every(isWord)) return undefined;
  return {
    vocabulary: joinStrings(Object.keys(vocabulary)),
    ids: Uint32Array.from(Object.values(vocabulary)),
    added: joinStrings(added.map(({ content }) => content)),
    addedIds: Uint32Array.from(added, ({ id }) => id),
    prefix: joinStrings([prefix]).units,
    fold: lowercase === true,
    unknown,
    mostCharacters: mostCharacters as number,
  };
}

function isPlain(token: AddedToken): boolean {
  const { content, normalized, single_word: singleWord, lstrip, rstrip } = token;
  return typeof content === 'string' && !normalized && !singleWord && !lstrip && !rstrip;
}

function isWord(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
}
