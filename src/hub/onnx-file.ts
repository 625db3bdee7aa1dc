import { readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';

/** How a model's weights are stored. `'q8'` is another name of `'int8'`. */
export const DTYPES = ['auto', 'fp32', 'fp16', 'int8', 'q8'] as const;
export type Dtype = (typeof DTYPES)[number];

/** File names of each variant, best first, by the conventions of transformers.js and optimum. */
const FILES: Record<Exclude<Dtype, 'auto' | 'q8'>, readonly string[]> = {
  fp32: ['model.onnx'],
  fp16: ['model_fp16.onnx'],
  int8: ['model_quantized.onnx', 'model_int8.onnx'],
};

/** Folders in which repositories keep their graphs, first choice first. */
const FOLDERS = ['onnx', '.'];

/**
 * Chooses a model's ONNX file. `'auto'` takes the most exact variant there is: fp32, else fp16, else int8.
 *
 * @param folder the model's folder; graphs are in its `onnx` folder, or beside the configuration
 * @returns absolute path
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` naming the variants that do exist
 */
export async function chooseOnnxFile(folder: string, dtype: Dtype): Promise<string> {
  const files = await findOnnx(folder);
  return files.get(pickOnnxFile([...files.keys()], dtype, folder)) as string;
}

/**
 * {@link chooseOnnxFile} among the paths of a repository's files, which need not be here yet.
 *
 * @param files paths below the model's folder, with `/`
 * @param where the repository or folder, for messages
 * @returns one of `files`
 */
export function pickOnnxFile(files: readonly string[], dtype: Dtype, where: string): string {
  const wanted = dtype === 'auto' ? Object.values(FILES).flat() : FILES[dtype === 'q8' ? 'int8' : dtype];
  const candidates = wanted.flatMap((name) => FOLDERS.map((folder) => posix.join(folder, name)));
  const found = candidates.find((path) => files.includes(path));
  if (found !== undefined) return found;
  const present = files.filter((path) => path.endsWith('.onnx'));
  throw new EmbedlaneError(
    'ERR_MODEL_NOT_FOUND',
    `Expected ${wanted.join(' or ')} in ${where} for dtype '${dtype}' but found ` +
      (present.length > 0 ? `only ${present.join(', ')}` : 'no .onnx file'),
  );
}

/** An ONNX file of a model and what it takes. */
export interface OnnxVariant {
  dtype: keyof typeof FILES;
  /** Size of the file in bytes. */
  bytes: number;
}

/** The variants that a model's folder holds, most exact first. */
export async function onnxVariants(folder: string): Promise<OnnxVariant[]> {
  const files = await findOnnx(folder);
  const variants: OnnxVariant[] = [];
  for (const [dtype, names] of Object.entries(FILES) as [OnnxVariant['dtype'], readonly string[]][]) {
    const path = names
      .flatMap((name) => FOLDERS.map((folder) => files.get(posix.join(folder, name))))
      .find((found) => found !== undefined);
    if (path !== undefined) variants.push({ dtype, bytes: (await stat(path)).size });
  }
  return variants;
}

/** A model's ONNX files: absolute path by path below the folder, with `/`. */
async function findOnnx(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of FOLDERS) {
    for (const file of await listOnnx(join(folder, name))) {
      files.set(posix.join(name, file), join(folder, name, file));
    }
  }
  return files;
}

async function listOnnx(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.onnx')).sort();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new EmbedlaneError('ERR_IO', `Expected a readable folder at ${folder}`, { cause });
  }
}
