import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { isConvertedClip } from '../../clip/repository.js';
import { EmbedlaneError } from '../../core/errors.js';
import { readJsonObject } from '../../core/json-file.js';
import { readProcessorPart } from '../../core/processor-files.js';
import { M3_OUTPUTS, m3HeadFiles } from '../../heads/m3-files.js';
import { graphOutputNames } from '../../hub/graph-outputs.js';
import {
  checkHubOptions,
  chooseOnnxFile,
  configurationFiles,
  HUB_OPTIONS,
  type HubSettings,
  listModelFiles,
  pickOnnxFile,
  resolveModel,
} from '../../hub/index.js';
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

/**
 * Finds out from its configuration files which class a model is for. Of a model on the hub, only those files are
 * fetched, and the graph where nothing else tells bge-m3 from other models of its architecture.
 *
 * @throws {EmbedlaneError} what `resolveModel` throws; `ERR_MODEL_INVALID` for malformed files
 */
export async function detectKind(id: string, options: AnyLoadOptions): Promise<ModelKind> {
  if (isConvertedClip(id)) return 'clip';
  const given = Object.fromEntries(HUB_OPTIONS.map((name) => [name, options[name]]));
  const hub = checkHubOptions(given);
  const { folder } = await resolveModel(id, {
    select: ({ files }) => [...configurationFiles(files), ...m3HeadFiles(files)],
    hub,
  });
  const [sentence, modules, config] = await Promise.all([
    readJsonObject(folder, 'config_sentence_transformers.json'),
    readModules(folder),
    readJsonObject(folder, 'config.json'),
  ]);
  const said = SENTENCE_TRANSFORMERS[sentence?.string('model_type') ?? ''];
  if (m3HeadFiles(await listModelFiles(folder)).length > 0) return 'm3';
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
  if (config?.string('model_type') === 'xlm-roberta') {
    return (await hasM3Outputs(id, options, hub)) ? 'm3' : 'text';
  }
  const pictures =
    (await readProcessorPart(folder, ['image_processor'])) !== undefined &&
    !(await exists(folder, 'tokenizer.json'));
  return pictures ? 'image' : 'text';
}

/** Whether the graph that would be loaded has bge-m3's outputs; false if there is none: loading says so better. */
async function hasM3Outputs(
  id: string,
  { dtype = 'auto', modelFile }: AnyLoadOptions,
  hub: HubSettings,
): Promise<boolean> {
  try {
    const { folder } = await resolveModel(id, {
      select: ({ name, files }) => [pickOnnxFile(files, dtype, name, { modelFile })],
      hub,
    });
    const names = await graphOutputNames(await chooseOnnxFile(folder, dtype, { modelFile }));
    return M3_OUTPUTS.every((name) => names.includes(name));
  } catch (error) {
    if (error instanceof EmbedlaneError && error.code === 'ERR_MODEL_NOT_FOUND') return false;
    throw error;
  }
}

function exists(folder: string, file: string): Promise<boolean> {
  return access(join(folder, file)).then(
    () => true,
    () => false,
  );
}
