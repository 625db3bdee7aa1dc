import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { BUNDLED_MODELS, bundledFolder, bundledName } from './bundled.js';

export { BUNDLED_MODELS, bundledModels } from './bundled.js';
export { chooseOnnxFile, DTYPES, type Dtype, type OnnxVariant } from './onnx-file.js';

/** Where a model's files are. */
export interface ModelLocation {
  /** The bundled model's short name, or the folder as the caller wrote it. */
  id: string;
  /** Absolute path of the folder that holds the model's files. */
  folder: string;
}

/**
 * Finds a model's files: a bundled model by its name (`all-MiniLM-L6-v2`, with or without
 * `sentence-transformers/` before it), or a folder by an absolute path or one that starts with `./` or `../`.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for what is neither an id nor a path, `ERR_MODEL_NOT_FOUND` if
 *   there is no such model here
 */
export async function resolveModel(id: unknown): Promise<ModelLocation> {
  if (typeof id !== 'string' || id === '') {
    throw invalidArgument('model', 'the name of a bundled model or the path of a folder', id);
  }
  if (id.includes('\0')) throw invalidArgument('model', 'a name or path without NUL characters', id);
  if (isPath(id)) return localFolder(id);
  // Ids become paths below a models folder, now for bundled models and later for a cache: none may leave it.
  if (!/^[\w.-]+(\/[\w.-]+)?(@[\w./-]+)?$/.test(id) || /(^|[/@])\.\.?([/@]|$)/.test(id)) {
    throw invalidArgument(
      'model',
      "a model name, or a path that is absolute or starts with './' or '../',",
      id,
    );
  }
  const name = bundledName(id);
  if (name !== undefined) return { id: name, folder: bundledFolder(name) };
  throw new EmbedlaneError(
    'ERR_MODEL_NOT_FOUND',
    `Expected a bundled model (${BUNDLED_MODELS.join(', ')}) or the path of a folder for model but received '${id}'; ` +
      `this version does not download models. For a folder, write './${id}' or an absolute path`,
  );
}

function isPath(id: string): boolean {
  return isAbsolute(id) || /^\.{1,2}([\\/]|$)/.test(id);
}

async function localFolder(id: string): Promise<ModelLocation> {
  const folder = resolve(id);
  let found: boolean;
  try {
    found = (await stat(folder)).isDirectory();
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_MODEL_NOT_FOUND',
      `Expected a folder for model but there is none at ${folder}`,
      {
        cause,
      },
    );
  }
  if (found) return { id, folder };
  throw new EmbedlaneError('ERR_MODEL_NOT_FOUND', `Expected a folder for model but ${folder} is a file`);
}
