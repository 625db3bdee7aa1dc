import type { JsonObject } from '../../core/json-file.js';

/** Architectures whose positions begin behind the id of the padding token, which is itself the position of padding. */
const AFTER_PADDING = new Set([
  'camembert',
  'data2vec-text',
  'esm',
  'ibert',
  'layoutlmv3',
  'lilt',
  'longformer',
  'luke',
  'markuplm',
  'mpnet',
  'roberta',
  'roberta-prelayernorm',
  'xlm-roberta',
  'xlm-roberta-xl',
  'xmod',
]);

/** What these have where `config.json` does not say it, and MPNet has whatever it says. */
const PADDING_ID = 1;

/**
 * The padding token's id where positions depend on it, for graphs that take `position_ids`; undefined where the first token
 * has position 0.
 */
export function paddingPosition(model: JsonObject | undefined): number | undefined {
  const type = model?.string('model_type') ?? '';
  if (!AFTER_PADDING.has(type)) return undefined;
  return type === 'mpnet' ? PADDING_ID : (model?.number('pad_token_id') ?? PADDING_ID);
}
