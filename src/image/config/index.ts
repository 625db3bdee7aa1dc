import { type JsonObject, readJsonObject } from '../../core/json-file.js';
import { type Preprocessing, readPreprocessing } from './preprocessor.js';

export type { Preprocessing } from './preprocessor.js';

/** What the files of an image model say. */
export interface ImageModelConfig {
  preprocessing: Preprocessing;
  /** transformers' name of the architecture, `''` if unknown. */
  modelType: string;
  /** Names of the classes by their number; undefined for models without. */
  labels: readonly string[] | undefined;
}

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the file and the field */
export async function readImageModelConfig(folder: string): Promise<ImageModelConfig> {
  const [preprocessing, model] = await Promise.all([
    readPreprocessing(folder),
    readJsonObject(folder, 'config.json'),
  ]);
  return { preprocessing, modelType: model?.string('model_type') ?? '', labels: model && readLabels(model) };
}

function readLabels(config: JsonObject): string[] | undefined {
  const labels = config.strings('id2label');
  if (labels === undefined) return undefined;
  const names = Array.from({ length: Object.keys(labels).length }, (_, id) => labels[id]);
  const missing = names.indexOf(undefined as never);
  if (missing >= 0) throw config.invalid('a name for every class', `'id2label' ${missing}`, undefined);
  return names;
}
