import { invalidArgument } from '../../core/errors.js';
import { isJsonl } from '../../files/jsonl.js';
import { isParquet } from '../../files/parquet.js';

/** Files that records come from and go to. */
export const RECORD_FORMATS = ['parquet', 'jsonl', 'npy'] as const;
export type RecordFormat = (typeof RECORD_FORMATS)[number];

/** The format that a file's name says. */
export function recordFormat(name: string, path: unknown): RecordFormat {
  if (typeof path === 'string' && !path.includes('\0')) {
    if (isParquet(path)) return 'parquet';
    if (isJsonl(path)) return 'jsonl';
    if (path.toLowerCase().endsWith('.npy')) return 'npy';
  }
  throw invalidArgument(name, 'a file that ends with .parquet, .jsonl, .ndjson or .npy', path);
}

/** Where ids, documents and metadata are of vectors in a `.npy` file, row for row. */
export function companionOf(path: string): string {
  return `${path.slice(0, -'.npy'.length)}.jsonl`;
}
