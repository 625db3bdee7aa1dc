import { posix } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { invalidModelFile, JsonObject, readJson } from '../../core/json-file.js';

const FILE = 'modules.json';

/** One module of a model: its class, and its folder below the model's. */
export interface ModuleEntry {
  /**
   * Last path segment of the class: sentence-transformers moves its classes between packages, so that
   * `sentence_transformers.models.Pooling` and `sentence_transformers.sentence_transformer.modules.pooling.Pooling`
   * are the same module.
   */
  type: string;
  /** `''` for the model's folder itself. */
  path: string;
}

/** First modules of models that another class of this package is for. */
const OTHER_MODELS: Record<string, string> = {
  MLMTransformer: 'a sparse model: SparseEmbedder',
  SparseStaticEmbedding: 'a sparse model: SparseEmbedder',
  CLIPModel: 'an image and text model: ClipEmbedder',
};

/**
 * Reads `modules.json`.
 *
 * @returns undefined if there is none: a plain transformers model
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if it is malformed
 */
export async function readModules(folder: string): Promise<ModuleEntry[] | undefined> {
  const list = await readJson(folder, FILE);
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw invalidModelFile(FILE, 'a list of modules', 'its content', list);
  return list.map((value, index) => {
    const module = new JsonObject(`${FILE} (module ${index})`, value);
    const type = module.string('type');
    if (type === undefined) throw module.invalid('a string', "'type'", undefined);
    const path = folderBelow(module.string('path') ?? '');
    if (path === undefined)
      throw module.invalid("a path inside the model's folder", "'path'", module.get('path'));
    return { type: lastSegment(type), path };
  });
}

/** `a.b.C` → `C`. */
export function lastSegment(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1);
}

/** A relative path in normal form, `''` for the folder itself; undefined if it leaves the folder. */
export function folderBelow(path: string): string | undefined {
  const normal = posix.normalize(path);
  if (posix.isAbsolute(normal) || /^\.\.(\/|$)/.test(normal) || /[\\\0]|^[a-z]:/i.test(normal))
    return undefined;
  return normal === '.' || normal === './' ? '' : normal.replace(/\/$/, '');
}

/** The error for a list of modules that does not describe text embeddings, pointing to the class that takes it. */
export function unsupportedModule(expected: string, actual: ModuleEntry | undefined): EmbedlaneError {
  const found = actual === undefined ? 'none' : `'${actual.type}'`;
  const other = actual && Object.hasOwn(OTHER_MODELS, actual.type) ? OTHER_MODELS[actual.type] : undefined;
  const hint = other
    ? `; this is ${other} loads it`
    : '; Transformer, Pooling, Dense, LayerNorm, Normalize, Dropout and Router are supported';
  return new EmbedlaneError('ERR_MODEL_INVALID', `Expected ${expected} in ${FILE} but found ${found}${hint}`);
}
