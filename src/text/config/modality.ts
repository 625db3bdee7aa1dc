import type { JsonObject } from '../../core/json-file.js';

/** What of a Transformer's settings counts: all of it, all but which output is used, or nothing. */
export type TransformerUse = 'vectors' | 'head' | 'raw';

/**
 * Checks what newer versions of sentence-transformers write about what a Transformer takes and gives: texts that it puts into
 * a chat template, as it does whenever the settings name one, or vectors of another layer would be other vectors here.
 *
 * @param settings `sentence_bert_config.json`
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID`
 */
export function checkModality(settings: JsonObject | undefined, use: TransformerUse): void {
  const modalities = use === 'raw' ? undefined : settings?.object('modality_config');
  if (!modalities) return;
  const message = modalities.get('message');
  if (message !== undefined) {
    const expected = 'nothing, since texts are not put into chat templates here,';
    throw modalities.invalid(expected, "'message'", message);
  }
  const text = modalities.object('text');
  if (!text) throw modalities.invalid('what is done with texts', "'text'", undefined);
  const name = text.get('method_output_name');
  if (use === 'vectors' && Array.isArray(name) && name[0] === 'hidden_states') {
    throw text.invalid("'last_hidden_state'", "'method_output_name'", name);
  }
}
