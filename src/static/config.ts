import { EmbedlaneError } from '../core/errors.js';
import { JsonObject, readJson, readJsonObject } from '../core/json-file.js';
import { type SentenceSettings, sentenceSettings } from '../text/config/index.js';
import { type ModuleEntry, readModules } from '../text/config/modules.js';

/** Libraries that write models of this kind, and do not agree on them. */
export const STATIC_LIBRARIES = ['sentence-transformers', 'model2vec'] as const;
export type StaticLibrary = (typeof STATIC_LIBRARIES)[number];

/** What the files of a static model say. */
export interface StaticModelConfig extends SentenceSettings {
  library: StaticLibrary;
  /** Below the model's folder, `''` for itself: where `model.safetensors` and `tokenizer.json` are. */
  path: string;
  /** Whether the model's own result has length 1. */
  normalize: boolean;
  /** model2vec's limit of tokens; undefined for none. */
  maxTokens: number | undefined;
}

/** model2vec's limit where `config.json` sets none. */
const MODEL2VEC_MAX_TOKENS = 512;

/**
 * Reads the configuration of a static model: `modules.json` with StaticEmbedding and perhaps Normalize, as
 * sentence-transformers writes it and model2vec for it, or model2vec's `config.json` alone.
 *
 * @param library whose numbers are wanted; by default those of sentence-transformers if it can load the model
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` naming the file and the field that is wrong
 */
export async function readStaticConfig(
  folder: string,
  library: StaticLibrary | undefined,
): Promise<StaticModelConfig> {
  const [modules, config, sentence] = await Promise.all([
    readModules(folder),
    readJson(folder, 'config.json'),
    readJsonObject(folder, 'config_sentence_transformers.json'),
  ]);
  const found = modules === undefined ? undefined : staticModules(modules);
  const chosen = library ?? (found ? 'sentence-transformers' : 'model2vec');
  if (chosen === 'sentence-transformers') {
    if (!found)
      throw invalid('modules.json, without which sentence-transformers cannot load a static model,', 'none');
    return { library: chosen, ...found, maxTokens: undefined, ...sentenceSettings(sentence) };
  }
  return {
    library: chosen,
    path: found?.path ?? '',
    ...model2vecSettings(config),
    ...sentenceSettings(sentence),
  };
}

function model2vecSettings(content: unknown) {
  const config = new JsonObject('config.json', content ?? {});
  // null means no limit; where nothing is said, there is one.
  const unlimited = (content as { max_length?: unknown } | undefined)?.max_length === null;
  return {
    normalize: config.boolean('normalize') ?? false,
    maxTokens: unlimited ? undefined : (config.positiveInteger('max_length') ?? MODEL2VEC_MAX_TOKENS),
  };
}

function staticModules([first, ...rest]: ModuleEntry[]): { path: string; normalize: boolean } {
  if (first?.type !== 'StaticEmbedding' || rest.some(({ type }) => type !== 'Normalize')) {
    const types = [first, ...rest].map((module) => module?.type).join(', ');
    throw invalid('StaticEmbedding, and nothing but Normalize after it, in modules.json', types || 'none');
  }
  return { path: first.path, normalize: rest.length > 0 };
}

function invalid(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError('ERR_MODEL_INVALID', `Expected ${expected} but received ${actual}`);
}
