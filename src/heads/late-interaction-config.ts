import { JsonObject, readJsonObject } from '../core/json-file.js';
import type { DenseConfig } from '../text/config/index.js';
import { sentenceSettings } from '../text/config/index.js';
import { readDense } from '../text/config/layers.js';
import { readModules } from '../text/config/modules.js';
import type { HeadParams, TokenOptions } from './lane/protocol.js';

export interface LateInteractionConfig {
  path: string;
  head: HeadParams;
  query: TokenOptions;
  document: TokenOptions;
  prompts: Readonly<Record<string, string>>;
  defaultPromptName: string | undefined;
}

/** string.punctuation of Python: what ColBERT leaves out of documents. */
const PUNCTUATION = Array.from('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');

/** Tokens of a query after expansion, where nothing else is said. */
const QUERY_LENGTH = 32;

/**
 * Reads the configuration of a late-interaction model, as PyLate, sentence-transformers (MultiVectorEncoder) or
 * Stanford's ColBERT writes it.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the file and the field that is wrong
 */
export async function readLateInteraction(folder: string): Promise<LateInteractionConfig> {
  const modules = (await readModules(folder)) ?? [];
  const path = modules[0]?.path ?? '';
  const below = (file: string) => (path === '' ? file : `${path}/${file}`);
  const maskEntry = modules.find(({ type }) => type === 'MultiVectorMask');
  const [sentence, transformer, tokenizer, colbert, mask, dense] = await Promise.all([
    readJsonObject(folder, 'config_sentence_transformers.json'),
    readJsonObject(folder, below('sentence_bert_config.json')),
    readJsonObject(folder, below('tokenizer_config.json')),
    readJsonObject(folder, 'artifact.metadata'),
    maskEntry ? readJsonObject(folder, `${maskEntry.path}/config.json`) : undefined,
    Promise.all(modules.filter(({ type }) => type === 'Dense').map((entry) => readDense(folder, entry))),
  ]);
  const { prompts, defaultPromptName } = sentenceSettings(sentence);
  const queryLength =
    sentence?.positiveInteger('query_length') ??
    transformer?.positiveInteger('query_length') ??
    colbert?.positiveInteger('query_maxlen');
  const documentLength =
    sentence?.positiveInteger('document_length') ??
    transformer?.positiveInteger('document_length') ??
    colbert?.positiveInteger('doc_maxlen');
  const maskToken = tokenText(tokenizer) ?? '[MASK]';
  const skipped = readSkiplist(sentence, colbert, mask);
  const skipTasks = readTasks(mask);
  const expansion = readExpansion(sentence, transformer, colbert, maskToken, queryLength);
  return {
    path,
    head: {
      kind: 'tokens',
      dense: dense.map((layer): DenseConfig => ({ ...layer, level: 'token_embeddings' })),
      // PyLate and Stanford's ColBERT always do it, without a module.
      normalize: !maskEntry || modules.some(({ type }) => type === 'Normalize'),
    },
    query: {
      maxTokens: expansion?.length ?? queryLength,
      marker: sentence?.string('query_prefix') ?? (colbert ? '[unused0]' : undefined),
      skipped: skipTasks.includes('query') ? skipped : [],
      expansion,
    },
    document: {
      maxTokens: documentLength,
      marker: sentence?.string('document_prefix') ?? (colbert ? '[unused1]' : undefined),
      skipped: skipTasks.includes('document') ? skipped : [],
      only: readIds(mask, 'keep_only_token_ids'),
    },
    prompts,
    defaultPromptName,
  };
}

function readExpansion(
  sentence: JsonObject | undefined,
  transformer: JsonObject | undefined,
  colbert: JsonObject | undefined,
  token: string,
  queryLength: number | undefined,
): TokenOptions['expansion'] {
  const own = transformer?.get('query_expansion');
  if (own !== undefined) {
    const settings = new JsonObject('sentence_bert_config.json (query_expansion)', own);
    const strategy = settings.string('strategy') ?? 'fixed';
    if (strategy !== 'fixed') throw settings.invalid("'fixed'", "'strategy'", strategy);
    const length = settings.positiveInteger('length') ?? queryLength ?? QUERY_LENGTH;
    return { token: settings.string('token') ?? token, length, attend: settings.boolean('attend') ?? false };
  }
  const length = queryLength ?? QUERY_LENGTH;
  if (colbert) return { token, length, attend: colbert.boolean('attend_to_mask_tokens') ?? false };
  // PyLate expands unless it is told not to.
  const pylate = sentence?.string('query_prefix') !== undefined;
  if (!pylate || sentence?.boolean('do_query_expansion') === false) return undefined;
  return { token, length, attend: sentence?.boolean('attend_to_expansion_tokens') ?? false };
}

/** Kinds of texts for which the skip list counts. */
function readTasks(mask: JsonObject | undefined): readonly string[] {
  const tasks = mask?.get('skiplist_tasks') ?? 'document';
  const list: unknown[] = Array.isArray(tasks) ? tasks : [tasks];
  if (list.every((task) => typeof task === 'string')) return list as string[];
  throw (mask as JsonObject).invalid('a list of strings', "'skiplist_tasks'", tasks);
}

function readIds(config: JsonObject | undefined, field: string): readonly number[] {
  const ids = config?.get(field) ?? [];
  if (Array.isArray(ids) && ids.every((id) => Number.isSafeInteger(id) && id >= 0)) return ids as number[];
  throw (config as JsonObject).invalid('a list of token ids', `'${field}'`, ids);
}

function readSkiplist(
  sentence: JsonObject | undefined,
  colbert: JsonObject | undefined,
  mask: JsonObject | undefined,
): readonly string[] {
  const source = mask ?? sentence;
  const words = source?.get('skiplist_words');
  if (words !== undefined) {
    if (Array.isArray(words) && words.every((word) => typeof word === 'string')) return words as string[];
    throw (source as JsonObject).invalid('a list of strings', "'skiplist_words'", words);
  }
  if (colbert) return (colbert.boolean('mask_punctuation') ?? true) ? PUNCTUATION : [];
  return sentence?.string('document_prefix') === undefined ? [] : PUNCTUATION;
}

function tokenText(tokenizer: JsonObject | undefined): string | undefined {
  const token = tokenizer?.get('mask_token');
  if (typeof token === 'string') return token;
  const content = (token as { content?: unknown } | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}
