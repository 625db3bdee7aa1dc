import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
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
  const wanted = dtype === 'auto' ? Object.values(FILES).flat() : FILES[dtype === 'q8' ? 'int8' : dtype];
  for (const file of wanted) {
    const path = files.get(file);
    if (path !== undefined) return path;
  }
  const present = files.size > 0 ? `only ${[...files.keys()].join(', ')}` : 'no .onnx file';
  throw new EmbedlaneError(
    'ERR_MODEL_NOT_FOUND',
    `Expected ${wanted.join(' or ')} in ${join(folder, FOLDERS[0])} for dtype '${dtype}' but found ${present}`,
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
    const path = names.map((name) => files.get(name)).find((found) => found !== undefined);
    if (path !== undefined) variants.push({ dtype, bytes: (await stat(path)).size });
  }
  return variants;
}

/** Paths of a model's ONNX files by name. */
async function findOnnx(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of FOLDERS) {
    for (const file of await listOnnx(join(folder, name))) {
      if (!files.has(file)) files.set(file, join(folder, name, file));
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
