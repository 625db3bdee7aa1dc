import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { isConvertedClip } from '../../clip/repository.js';
import { readJsonObject } from '../../core/json-file.js';
import { checkHubOptions, configurationFiles, HUB_OPTIONS, resolveModel } from '../../hub/index.js';
import { readModules } from '../../text/config/modules.js';
import type { AnyLoadOptions, ModelKind } from './kinds.js';

/** `model_type` in sentence-transformers' own configuration, since its version 5. */
const SENTENCE_TRANSFORMERS: Readonly<Record<string, ModelKind>> = {
  SentenceTransformer: 'text',
  CrossEncoder: 'cross-encoder',
  SparseEncoder: 'sparse',
  MultiVectorEncoder: 'late-interaction',
  ColBERT: 'late-interaction',
};

/** `model_type` in a model's own configuration. */
const TRANSFORMERS: Readonly<Record<string, ModelKind>> = { clap: 'clap', whisper: 'audio' };

/** Heads of bge-m3 beside a graph that ends before them. */
const M3_HEADS = 'bgem3_heads.safetensors';

/**
 * Finds out from its configuration files which class a model is for. Of a model on the hub, only those files are
 * fetched.
 *
 * @throws {EmbedlaneError} what `resolveModel` throws; `ERR_MODEL_INVALID` for malformed files
 */
export async function detectKind(id: string, options: AnyLoadOptions): Promise<ModelKind> {
  if (isConvertedClip(id)) return 'clip';
  const given = Object.fromEntries(HUB_OPTIONS.map((name) => [name, options[name]]));
  const { folder } = await resolveModel(id, {
    select: ({ files }) => [...configurationFiles(files), ...files.filter((file) => file === M3_HEADS)],
    hub: checkHubOptions(given),
  });
  const [sentence, modules, config] = await Promise.all([
    readJsonObject(folder, 'config_sentence_transformers.json'),
    readModules(folder),
    readJsonObject(folder, 'config.json'),
  ]);
  const said = SENTENCE_TRANSFORMERS[sentence?.string('model_type') ?? ''];
  if (await exists(folder, M3_HEADS)) return 'm3';
  if (said) return said;
  // PyLate's own settings, and the file of Stanford's ColBERT.
  const colbert =
    sentence?.string('query_prefix') !== undefined || (await exists(folder, 'artifact.metadata'));
  if (colbert) return 'late-interaction';
  const type = TRANSFORMERS[config?.string('model_type') ?? ''];
  if (type) return type;
  if (modules) return modules.some(({ type }) => type === 'SpladePooling') ? 'sparse' : 'text';
  const [architecture] = [config?.get('architectures')].flat();
  if (/ForSequenceClassification$/.test(String(architecture))) return 'cross-encoder';
  if (config?.get('text_config') && config.get('vision_config')) return 'clip';
  const pictures =
    (await exists(folder, 'preprocessor_config.json')) && !(await exists(folder, 'tokenizer.json'));
  return pictures ? 'image' : 'text';
}

function exists(folder: string, file: string): Promise<boolean> {
  return access(join(folder, file)).then(
    () => true,
    () => false,
  );
}
