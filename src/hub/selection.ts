import { readFile } from 'node:fs/promises';
import { TORCH_WEIGHTS } from './module-weights.js';

/** What a selector sees of a repository. */
export interface Repository {
  /** `org/name`, for messages. */
  name: string;
  /** Paths of all files, with `/`. */
  files: readonly string[];
  /** Local path of one of the files, which is downloaded for it if necessary. */
  fetch(path: string): Promise<string>;
}

/**
 * Says which files of a repository a model needs.
 *
 * @returns paths among `repository.files`
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` if the repository lacks what the model needs
 */
export type FileSelector = (repository: Repository) => readonly string[] | Promise<readonly string[]>;

/** Vocabularies that only matter where `tokenizer.json`, which contains them, is missing. */
const VOCABULARIES = /^(vocab\.(txt|json)|merges\.txt|added_tokens\.json|spiece\.model|.*\.bpe\.model)$/;
/** Modules whose weights are read from PyTorch's own files too; of others these may be gigabytes. */
const LAYERS = /(Dense|LayerNorm)$/;
/** Folders of other runtimes' weights, whose configuration is none of ours. */
const OTHER_RUNTIMES = /^(openvino|tensorflow|tflite|coreml|flax|gguf|\.[^/]+)\//;

/**
 * The files of a model whose weights are ONNX graphs: configuration, tokenizer, the graphs that `choose` picks
 * with their external data, and the weights of the modules after the Transformer (Dense, …).
 *
 * @param choose picks the graphs among the repository's files
 */
export function onnxModelFiles(choose: (repository: Repository) => string | readonly string[]): FileSelector {
  return async (repository) => {
    const graphs = [choose(repository)].flat();
    return [
      ...configurationFiles(repository.files),
      ...(await moduleWeights(repository)),
      ...graphs,
      ...graphs.flatMap((graph) => externalData(repository.files, graph)),
    ];
  };
}

/** The files of a static model: configuration, tokenizer and the table of vectors. */
export function staticModelFiles({ files }: Repository): string[] {
  const tables = files.filter((file) => /(^|\/)model\.safetensors$/.test(file) && !OTHER_RUNTIMES.test(file));
  return [...configurationFiles(files), ...tables];
}

/** Configuration and tokenizer files, wherever in the repository they are. */
export function configurationFiles(files: readonly string[]): string[] {
  const own = files.filter((file) => !OTHER_RUNTIMES.test(file));
  const complete = own.includes('tokenizer.json');
  return own.filter((file) => {
    const name = file.slice(file.lastIndexOf('/') + 1);
    if (VOCABULARIES.test(name)) return !complete;
    return name.endsWith('.json') && !name.endsWith('.index.json');
  });
}

/** Files with the weights of a graph that is too large for one: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`. */
export function externalData(files: readonly string[], graph: string): string[] {
  return files.filter(
    (file) => file.startsWith(graph) && /^(_data(_\d+)?|\.data)$/.test(file.slice(graph.length)),
  );
}

/** Weights of the modules of `modules.json` that do not come as a graph: everything but the Transformer. */
export async function moduleWeights({ files, fetch }: Repository): Promise<string[]> {
  if (!files.includes('modules.json')) return [];
  const modules = parseModules(await readFile(await fetch('modules.json'), 'utf8'));
  return files.filter((file) => {
    const folder = file.slice(0, file.lastIndexOf('/') + 1);
    const older = file === `${folder}${TORCH_WEIGHTS}` && !files.includes(`${folder}model.safetensors`);
    if (!(file.endsWith('.safetensors') || older) || file.startsWith('onnx/')) return false;
    return modules.some(({ type, path }) => {
      // A Router keeps its own modules in folders below its own, named after their types.
      if (/(Router|Asym)$/.test(type)) {
        const inside = folder.startsWith(path) && folder !== '' && !/Transformer\/$/.test(folder);
        return inside && (!older || LAYERS.test(folder.slice(0, -1)));
      }
      return !type.endsWith('Transformer') && folder === path && (!older || LAYERS.test(type));
    });
  });
}

/** Reads what it can: a malformed list is reported by the model that it belongs to, in its own words. */
function parseModules(text: string): { type: string; path: string }[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.map((module: { type?: unknown; path?: unknown } | null) => ({
    type: typeof module?.type === 'string' ? module.type : '',
    path:
      typeof module?.path === 'string' ? module.path.replace(/^\.?\/*/, '').replace(/([^/])\/*$/, '$1/') : '',
  }));
}
