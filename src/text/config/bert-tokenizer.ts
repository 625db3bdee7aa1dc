import type { JsonObject } from '../../core/json-file.js';

/** What transformers writes into the normalisation of `tokenizer.json` when it opens a tokenizer of BERT's kind. */
export interface BertNormalization {
  lowercase: boolean;
  /** Null: as {@link lowercase} says. */
  stripAccents: boolean | null;
  handleChineseChars: boolean;
}

/** Classes of transformers that do so, without `Tokenizer` or `TokenizerFast`. */
const CLASSES = new Set([
  'Bert',
  'DistilBert',
  'Electra',
  'Funnel',
  'LayoutLM',
  'Lxmert',
  'MobileBert',
  'MPNet',
  'SqueezeBert',
]);

/** Architectures whose tokenizer is one of these where no file names its class, by `model_type`. */
const ARCHITECTURES = new Set([
  'bert',
  'distilbert',
  'electra',
  'ernie',
  'funnel',
  'layoutlm',
  'lxmert',
  'megatron-bert',
  'mobilebert',
  'mpnet',
  'nomic_bert',
  'squeezebert',
]);

/**
 * The settings of a tokenizer of BERT's kind, which have precedence over its `tokenizer.json`; undefined for another kind.
 *
 * @param model `config.json`
 * @param tokenizer `tokenizer_config.json`
 * @param opened arguments with which sentence-transformers opens the tokenizer
 */
export function bertNormalization(
  model: JsonObject | undefined,
  tokenizer: JsonObject | undefined,
  opened: JsonObject | undefined,
): BertNormalization | undefined {
  const named = tokenizer?.string('tokenizer_class') ?? model?.string('tokenizer_class');
  const isBert =
    named === undefined
      ? ARCHITECTURES.has(model?.string('model_type') ?? '')
      : CLASSES.has(named.replace(/Tokenizer(Fast)?$/, ''));
  if (!isBert) return undefined;
  const flag = (field: string) => opened?.boolean(field) ?? tokenizer?.boolean(field);
  return {
    lowercase: flag('do_lower_case') ?? true,
    stripAccents: flag('strip_accents') ?? null,
    handleChineseChars: flag('tokenize_chinese_chars') ?? true,
  };
}
