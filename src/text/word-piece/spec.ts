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
  const { model, added_tokens: added = [] } = json;
  const fold = bertFolding(json);
  if (fold === undefined || model?.type !== 'WordPiece') return undefined;
  const vocabulary = model.vocab as Record<string, number>;
  const tokens = Object.keys(vocabulary);
  // One by one: of so many, lists of the values or of pairs take several times as long.
  const ids = new Uint32Array(tokens.length);
  let sound = true;
  for (let i = 0; i < tokens.length; i++) {
    const id = vocabulary[tokens[i]];
    sound &&= isWord(id);
    ids[i] = id;
  }
  const unknown = vocabulary[model.unk_token as string];
  const prefix = model.continuing_subword_prefix;
  const mostCharacters = model.max_input_chars_per_word;
  if (!sound || !isWord(unknown) || !isWord(mostCharacters) || typeof prefix !== 'string') return undefined;
  if (!haveTheirIds(added, vocabulary, tokens.length)) return undefined;
  return {
    vocabulary: joinStrings(tokens),
    ids,
    added: joinStrings(added.map(({ content }) => content)),
    addedIds: Uint32Array.from(added, ({ id }) => id),
    prefix: joinStrings([prefix]).units,
    fold,
    unknown,
    mostCharacters: mostCharacters as number,
  };
}

/**
 * Whether a tokenizer of BERT's kind lowercases and strips accents. Undefined for another kind, which can be told
 * from the settings without the model.
 */
export function bertFolding(json: TokenizerJson): boolean | undefined {
  const { normalizer, pre_tokenizer: preTokenizer, added_tokens: added = [] } = json;
  if (normalizer?.type !== 'BertNormalizer' || preTokenizer?.type !== 'BertPreTokenizer') return undefined;
  const { lowercase, strip_accents: stripAccents, clean_text: clean } = normalizer;
  if (!clean || !normalizer.handle_chinese_chars || lowercase !== (stripAccents ?? lowercase))
    return undefined;
  return added.every(isPlain) ? lowercase === true : undefined;
}

/** White space that a token takes with it, `lstrip` and `rstrip`, would make no token without it either. */
function isPlain({ content, normalized, single_word: singleWord }: AddedToken): boolean {
  return typeof content === 'string' && !normalized && !singleWord;
}

/** The library gives added tokens the vocabulary's ids, and new ones the next, whatever the file says. */
function haveTheirIds(
  added: readonly AddedToken[],
  vocabulary: Record<string, number>,
  next: number,
): boolean {
  return added.every(({ id, content }) => id === (vocabulary[content] ?? next++));
}

function isWord(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
}
