import { invalidArgument } from '../../core/errors.js';

/** Files that other programs read and write vectors in. */
export const VECTOR_FILE_FORMATS = ['npy', 'fvecs', 'safetensors'] as const;
export type VectorFileFormat = (typeof VECTOR_FILE_FORMATS)[number];

export function fileArgument(path: unknown): string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return path;
  throw invalidArgument('path', 'the name of a file', path);
}

/** The format that a file's name ends with. */
export function formatOf(path: string): VectorFileFormat {
  const format = VECTOR_FILE_FORMATS.find((name) => path.toLowerCase().endsWith(`.${name}`));
  if (format !== undefined) return format;
  throw invalidArgument(
    'path',
    `a name that ends with ${VECTOR_FILE_FORMATS.map((name) => `.${name}`).join(', ')}`,
    path,
  );
}
