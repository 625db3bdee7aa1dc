import { posix } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { invalidModelFile, JsonObject, readJson } from './json-file.js';

const FILE = 'modules.json';

/** What a model does with a text, as `modules.json` lists it. */
export interface ModuleList {
  /** Folder of the Transformer's configuration below the model's folder; `''` for the folder itself. */
  transformer: string;
  /** Folder of the pooling configuration, or undefined if the model says nothing about pooling. */
  pooling: string | undefined;
  /** Whether a Normalize module follows the pooling. */
  normalize: boolean;
}

/**
 * Reads `modules.json`. Types are matched on their last path segment, since sentence-transformers moves its
 * classes between packages: `sentence_transformers.models.Pooling` and
 * `sentence_transformers.sentence_transformer.modules.pooling.Pooling` are the same module.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` for modules and orders that are not supported
 */
export async function readModules(folder: string): Promise<ModuleList> {
  const list = await readJson(folder, FILE);
  // As sentence-transformers does with a plain transformers model: mean pooling and nothing else.
  if (list === undefined) return { transformer: '', pooling: undefined, normalize: false };
  if (!Array.isArray(list)) throw invalidModelFile(FILE, 'a list of modules', 'its content', list);

  const modules = list.map(readModule);
  const [transformer, pooling, ...rest] = modules;
  if (transformer?.type !== 'Transformer')
    throw unsupported('Transformer as the first module', transformer?.type);
  if (pooling?.type !== 'Pooling') throw unsupported('Pooling after the Transformer', pooling?.type);
  for (const { type } of rest) {
    if (type !== 'Normalize') throw unsupported('nothing but Normalize after the Pooling', type);
  }
  return { transformer: transformer.path, pooling: pooling.path, normalize: rest.length > 0 };
}

function readModule(value: unknown, index: number): { type: string; path: string } {
  const module = new JsonObject(`${FILE} (module ${index})`, value);
  const type = module.string('type');
  if (type === undefined) throw module.invalid('a string', "'type'", undefined);
  const path = posix.normalize(module.string('path') ?? '');
  if (posix.isAbsolute(path) || path.startsWith('..') || path.includes('\\')) {
    throw module.invalid("a path inside the model's folder", "'path'", path);
  }
  return { type: type.slice(type.lastIndexOf('.') + 1), path: path === '.' ? '' : path };
}

function unsupported(expected: string, actual: string | undefined): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected ${expected} in ${FILE} but found ${actual === undefined ? 'none' : `'${actual}'`}; ` +
      'Transformer, Pooling and Normalize are the modules supported so far',
  );
}
