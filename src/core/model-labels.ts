import type { JsonObject } from './json-file.js';

/** Names of a model's classes by their number, from its `config.json`; undefined for models without. */
export function readLabels(config: JsonObject): string[] | undefined {
  const labels = config.strings('id2label');
  if (labels === undefined) return undefined;
  const names = Array.from({ length: Object.keys(labels).length }, (_, id) => labels[id]);
  const missing = names.indexOf(undefined as never);
  if (missing >= 0) throw config.invalid('a name for every class', `'id2label' ${missing}`, undefined);
  return names;
}
