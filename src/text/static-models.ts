import { dirname } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';
import { readJsonObject } from '../core/json-file.js';
import { listModelFiles, type Repository } from '../hub/index.js';
import { readModules } from './config/modules.js';

/**
 * Whether a folder holds a static model, a table of vectors without a graph: StaticEmbedding comes first in its
 * `modules.json`, or model2vec has written its `config.json`, which until version 0.3 named no type.
 *
 * @param files paths below the folder, where they are known already
 */
export async function isStaticFolder(folder: string, files?: readonly string[]): Promise<boolean> {
  const modules = await readModules(folder);
  if (modules !== undefined) return modules[0]?.type === 'StaticEmbedding';
  const type = (await readJsonObject(folder, 'config.json'))?.get('model_type');
  if (type !== undefined) return type === 'model2vec';
  const all = files ?? (await listModelFiles(folder));
  return all.includes('model.safetensors') && !all.some((file) => file.endsWith('.onnx'));
}

/** {@link isStaticFolder} of a repository of which nothing else need be here. */
export async function isStaticRepository({ files, fetch }: Repository): Promise<boolean> {
  // What pools token vectors has a graph for them: nothing need be fetched to know that.
  if (!files.some((file) => /(^|\/)model\.safetensors$/.test(file))) return false;
  if (files.some((file) => /Pooling\/config\.json$/.test(file))) return false;
  const decisive =
    files.find((file) => file === 'modules.json') ?? files.find((file) => file === 'config.json');
  if (decisive === undefined) return false;
  try {
    return await isStaticFolder(dirname(await fetch(decisive)), files);
  } catch (error) {
    // A damaged file is found again, and repaired, when the model is loaded.
    if (error instanceof EmbedlaneError && error.code === 'ERR_MODEL_INVALID') return false;
    throw error;
  }
}
