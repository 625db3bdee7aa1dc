import { readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import type { SimdLevel } from '../native/binding.js';
import { loadBinding } from '../native/load.js';
import type { Dtype } from './dtypes.js';

/**
 * File names of each variant, best first, most exact variant first: the conventions of transformers.js
 * (`model_quantized`), optimum (`model_O2`; O3 approximates GELU, O4 also halves the precision),
 * sentence-transformers (`model_qint8_avx512_vnni`) and fastembed (`model_optimized`).
 */
const FILES = {
  fp32: ['model', 'model_optimized', 'model_O1', 'model_O2', 'model_O3'],
  fp16: ['model_fp16', 'model_O4'],
  int8: [
    'model_qint8_avx512_vnni',
    'model_qint8_avx512',
    'model_qint8_arm64',
    'model_quantized',
    'model_int8',
  ],
  uint8: ['model_quint8_avx2', 'model_uint8'],
  q4: ['model_q4'],
  q4f16: ['model_q4f16'],
  bnb4: ['model_bnb4'],
} as const satisfies Partial<Record<Dtype, readonly string[]>>;

/** Files that are made for one kind of CPU, and elsewhere slow or inexact: the level that they need. */
const MADE_FOR: Record<string, SimdLevel> = {
  model_qint8_avx512_vnni: 'avx512_vnni',
  model_qint8_avx512: 'avx512',
  model_qint8_arm64: 'neon',
  model_quint8_avx2: 'avx2',
};

/** Folders in which repositories keep their graphs, first choice first. */
const FOLDERS = ['onnx', '.'];

export interface OnnxOptions {
  /** The file itself, below the model's folder or its `onnx` folder, whatever its name. */
  modelFile?: string;
  /** Folder below the model's that is searched first, with `/`: that of a Transformer among several. */
  subfolder?: string;
  /**
   * What stands for `model` in the names of the files, where a model consists of several graphs:
   * `encoder_model`, `text_model`, `vision_model`.
   */
  stem?: string;
}

/**
 * Chooses a model's ONNX file. `'auto'` takes the most exact variant there is: fp32, fp16, int8, then fewer bits.
 *
 * @param folder the model's folder; graphs are in its `onnx` folder, or beside the configuration
 * @returns absolute path
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` naming the variants that do exist; `ERR_INVALID_ARG` for a
 *   `modelFile` outside the folder
 */
export async function chooseOnnxFile(
  folder: string,
  dtype: Dtype,
  options: OnnxOptions = {},
): Promise<string> {
  const files = await findFiles(folder, graphFolders(options));
  return join(folder, pickOnnxFile(files, dtype, folder, options));
}

/**
 * {@link chooseOnnxFile} among the paths of a repository's files, which need not be here yet.
 *
 * @param files paths below the model's folder, with `/`
 * @param where the repository or folder, for messages
 * @returns one of `files`
 */
export function pickOnnxFile(
  files: readonly string[],
  dtype: Dtype,
  where: string,
  options: OnnxOptions = {},
): string {
  const { modelFile } = options;
  const names = modelFile === undefined ? fileNames(dtype, options.stem) : [checkModelFile(modelFile)];
  const paths = names.flatMap((name) => graphFolders(options).map((folder) => posix.join(folder, name)));
  const present = new Set(files);
  const found = paths.find((path) => present.has(path));
  if (found !== undefined) return found;
  throw graphNotFound(
    modelFile === undefined
      ? `${names.join(' or ')} in ${where} for dtype '${dtype}'`
      : `${modelFile} in ${where}`,
    files,
  );
}

/** The error for a model without the graph that is `wanted`: names those it has, or how to make one. */
export function graphNotFound(wanted: string, files: readonly string[]): EmbedlaneError {
  const graphs = files.filter((path) => path.endsWith('.onnx'));
  const found = graphs.length > 0 ? `only ${graphs.join(', ')}` : withoutGraphs(files);
  return new EmbedlaneError('ERR_MODEL_NOT_FOUND', `Expected ${wanted} but found ${found}`);
}

function graphFolders({ subfolder }: OnnxOptions): string[] {
  const own = subfolder ? FOLDERS.map((folder) => posix.join(subfolder, folder)) : [];
  return [...own, ...FOLDERS];
}

function fileNames(dtype: Dtype, stem = 'model'): string[] {
  const variants =
    dtype === 'auto'
      ? Object.values(FILES).flat()
      : (FILES[dtype === 'q8' ? 'int8' : dtype] as readonly string[]);
  // The addon is asked only where it matters: loading it takes longer than choosing a file.
  const levels = variants.some((name) => name in MADE_FOR) ? loadBinding().simdLevels() : [];
  return variants
    .filter((name) => !(name in MADE_FOR) || levels.includes(MADE_FOR[name]))
    .map((name) => `${name.replace('model', stem)}.onnx`);
}

function checkModelFile(file: string): string {
  const path = posix.normalize(file.replaceAll('\\', '/'));
  if (
    posix.isAbsolute(path) ||
    /^(\.\.(\/|$)|[a-z]:)/i.test(path) ||
    !path.endsWith('.onnx') ||
    path.includes('\0')
  ) {
    throw invalidArgument('modelFile', "the path of a .onnx file below the model's folder", file);
  }
  return path;
}

function withoutGraphs(files: readonly string[]): string {
  const others = files.length > 0 ? ` (it has ${files.slice(0, 12).join(', ')})` : '';
  return (
    `no .onnx file${others}; export one with Python: 'optimum-cli export onnx --task feature-extraction ` +
    "--model <model> <folder>'"
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
  const files = await findFiles(folder, FOLDERS);
  const variants: OnnxVariant[] = [];
  for (const [dtype, names] of Object.entries(FILES) as [OnnxVariant['dtype'], readonly string[]][]) {
    const path = names
      .flatMap((name) => FOLDERS.map((place) => posix.join(place, `${name}.onnx`)))
      .find((candidate) => files.includes(candidate));
    if (path !== undefined) variants.push({ dtype, bytes: (await stat(join(folder, path))).size });
  }
  return variants;
}

/** Files in some folders of a model: their paths below it, with `/`. */
async function findFiles(folder: string, places: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(
    places.map(async (place) =>
      (await listFiles(join(folder, place))).map((name) => posix.join(place, name)),
    ),
  );
  return lists.flat();
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new EmbedlaneError('ERR_IO', `Expected a readable folder at ${folder}`, { cause });
  }
}
