import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import { absolutePath } from '../core/io.js';
import { BUNDLED_MODELS, bundledFolder, bundledName, modelPackage } from './bundled.js';
import { listTree } from './cache.js';
import { convertedRepository } from './converted.js';
import { parseModelId } from './model-id.js';
import { pickOnnxFile } from './onnx-file.js';
import type { ResolveOptions, Snapshot } from './repository.js';
import { type FileSelector, onnxModelFiles } from './selection.js';
import { checkHubOptions, type HubSettings } from './settings.js';

export { BUNDLED_MODELS, bundledModels } from './bundled.js';
export { convertedRepository } from './converted.js';
export { DTYPES, type Dtype } from './dtypes.js';
export { graphBytes } from './graph-bytes.js';
export {
  type CacheCheck,
  type CachedModel,
  cachedModels,
  checkCachedModel,
  removeCachedModel,
} from './inventory.js';
export { parseModelId } from './model-id.js';
export {
  chooseOnnxFile,
  graphNotFound,
  type OnnxVariant,
  pickOnnxFile,
} from './onnx-file.js';
export {
  configurationFiles,
  externalData,
  type FileSelector,
  moduleWeights,
  onnxModelFiles,
  type Repository,
  staticModelFiles,
} from './selection.js';
export {
  checkHubOptions,
  type DownloadProgress,
  HUB_OPTIONS,
  type HubOptions,
  type HubSettings,
  hubAccess,
} from './settings.js';

/** Where a model's files are. */
export interface ModelLocation {
  /** The bundled model's short name, the folder as the caller wrote it, or `org/name` with `@revision` if given. */
  id: string;
  /** Absolute path of the folder that holds the model's files. */
  folder: string;
  /** For a model in the cache: its commit and files. */
  snapshot?: Snapshot;
  /**
   * For a model in the cache: checks its files, fetches damaged ones again, and says whether there were any.
   *
   * @throws {EmbedlaneError} `ERR_CORRUPT` if the network is not to be used
   */
  repair?(): Promise<boolean>;
}

/** How {@link resolveModel} looks for a model. */
export interface ModelRequest extends ResolveOptions {
  /** Which files of a repository the model needs. Default: configuration, tokenizer and the most exact ONNX file. */
  select?: FileSelector;
  /** From {@link checkHubOptions}. Default: the environment's. */
  hub?: HubSettings;
}

const DEFAULT_SELECTION = onnxModelFiles(({ name, files }) => pickOnnxFile(files, 'auto', name));

/**
 * Finds a model's files, in this order: a bundled model by its name (`all-MiniLM-L6-v2`, with or without
 * `sentence-transformers/` before it); a folder, by a path that is absolute or starts with `./` or `../`;
 * `org/name` or `org/name@revision` in the cache, which is shared with Python's huggingface_hub; and else from
 * the hub, into that cache.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for what is neither an id nor a path; `ERR_MODEL_NOT_FOUND` if
 *   there is no such model, revision or file; `ERR_DOWNLOAD`, `ERR_CHECKSUM`, `ERR_IO`, `ERR_ABORTED`
 */
export async function resolveModel(id: unknown, request: ModelRequest = {}): Promise<ModelLocation> {
  if (typeof id !== 'string' || id === '') {
    throw invalidArgument('model', 'the name of a model or the path of a folder', id);
  }
  if (id.includes('\0')) throw invalidArgument('model', 'a name or path without NUL characters', id);
  const { select = DEFAULT_SELECTION, hub = checkHubOptions({}), ...options } = request;
  if (isPath(id)) return localFolder(id);

  const { name, revision } = withRevision(id, hub);
  const bundled = revision === undefined ? bundledName(name) : undefined;
  const folder = bundled && bundledFolder(bundled);
  if (bundled && folder && (!name.includes('/') || (await isComplete(bundled, folder, select)))) {
    return { id: bundled, folder };
  }
  if (bundled && !folder && !name.includes('/')) throw notInstalled(bundled);
  if (!name.includes('/')) throw unknownName(name, revision);

  const settings = { ...hub, revision };
  // Loaded when needed: bundled models and folders are at hand sooner without what downloads.
  const { resolveRepository } = await import('./repository.js');
  const snapshot = await resolveRepository(name, select, settings, options);
  return {
    id: revision === undefined ? name : `${name}@${revision}`,
    folder: snapshot.folder,
    snapshot,
    repair: async () => {
      const repaired = await resolveRepository(name, select, settings, {
        ...options,
        refresh: false,
        verify: true,
      });
      return repaired.downloaded > 0;
    },
  };
}

/** As {@link resolveModel}, in the repository with its converted graphs if the model's own has none and one is known. */
export async function resolveConverted(model: string, request: ModelRequest): Promise<ModelLocation> {
  try {
    return await resolveModel(model, request);
  } catch (error) {
    const other = convertedRepository(model);
    if (other === undefined || !(error instanceof EmbedlaneError) || error.code !== 'ERR_MODEL_NOT_FOUND')
      throw error;
    return { ...(await resolveModel(other, request)), id: model };
  }
}

/**
 * Loads a model, and if that fails although its files came from the cache, checks them, fetches damaged ones
 * again, and loads once more.
 */
export async function loadRepairing<T>(location: ModelLocation, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const reparable = error instanceof EmbedlaneError && !NOT_THE_FILES.has(error.code);
    if (!reparable || !location.repair || !(await location.repair())) throw error;
    return load();
  }
}

/** Failures that whole files do not help against. */
const NOT_THE_FILES = new Set(['ERR_INVALID_ARG', 'ERR_ABORTED', 'ERR_CLOSED', 'ERR_NATIVE_LOAD']);

function withRevision(id: string, { revision: wanted }: HubSettings) {
  const { name, revision } = parseModelId(id);
  if (revision !== undefined && wanted !== undefined && revision !== wanted) {
    throw invalidArgument('revision', `the revision that the model id names, '${revision}',`, wanted);
  }
  return { name, revision: revision ?? wanted };
}

function unknownName(name: string, revision: string | undefined): EmbedlaneError {
  const at = revision === undefined ? '' : `@${revision}`;
  return new EmbedlaneError(
    'ERR_MODEL_NOT_FOUND',
    `Expected a bundled model (${BUNDLED_MODELS.join(', ')}), 'org/name' or the path of a folder for model but ` +
      `received '${name}${at}'; a model of sentence-transformers is 'sentence-transformers/${name}${at}', ` +
      `a folder './${name}'`,
  );
}

function notInstalled(name: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_NOT_FOUND',
    `Expected the package '${modelPackage(name)}' for model '${name}' but it is not installed; ` +
      `run: npm install ${modelPackage(name)}`,
  );
}

/** Paths of all files below a model's folder, relative to it, with `/`. */
export async function listModelFiles(folder: string): Promise<string[]> {
  return (await listTree(folder)).map((path) => relative(folder, path).split(sep).join('/'));
}

/** Whether a bundled model has what is asked for; the repository that it was made from has more variants. */
async function isComplete(bundled: string, folder: string, select: FileSelector): Promise<boolean> {
  const files = await listModelFiles(folder);
  try {
    await select({ name: bundled, files, fetch: async (path) => resolve(folder, path) });
    return true;
  } catch (error) {
    if (error instanceof EmbedlaneError && error.code === 'ERR_MODEL_NOT_FOUND') return false;
    throw error;
  }
}

function isPath(id: string): boolean {
  return isAbsolute(id) || /^\.{1,2}([\\/]|$)/.test(id);
}

async function localFolder(id: string): Promise<ModelLocation> {
  const folder = absolutePath(id);
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
