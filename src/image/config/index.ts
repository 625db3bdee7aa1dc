import { readJsonObject } from '../../core/json-file.js';
import { readLabels } from '../../core/model-labels.js';
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
