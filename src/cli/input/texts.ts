import { stat } from 'node:fs/promises';
import { throwIfAborted } from '../../core/abort.js';
import { io } from '../../core/io.js';
import { isJsonl, readJsonlField } from '../../files/jsonl.js';
import { readLines } from '../../files/lines.js';
import { countParquetRows, isParquet, readParquetColumn } from '../../files/parquet.js';

/** Field or column that is read unless another is asked for. */
const DEFAULT_FIELD = 'text';

/** True for names of files that hold texts, so that a command can tell them from texts. */
export function isTextFile(name: string): boolean {
  return isJsonl(name) || isParquet(name) || /\.txt$/i.test(name);
}

/**
 * The texts of files, one after the other: the rows of Parquet files and the records of JSON-lines files, of which
 * `field` is taken, and the lines of all others.
 *
 * @param paths files, or `-` for stdin
 * @param field makes any file but a Parquet file one of JSON lines
 */
export async function* readTexts(
  paths: readonly string[],
  field: string | undefined,
): AsyncGenerator<string> {
  for (const path of paths) {
    if (isParquet(path)) {
      yield* readParquetColumn(path, field ?? DEFAULT_FIELD);
      continue;
    }
    const json = field !== undefined || isJsonl(path);
    const lines = json ? readJsonlField(path, field ?? DEFAULT_FIELD) : readLines(path);
    for await (const line of lines) yield line.text;
  }
}

/** How many texts {@link readTexts} gives at most; 0 (unknown) as soon as one of them can be read only once. */
export async function countTexts(paths: readonly string[], signal: AbortSignal): Promise<number> {
  for (const path of paths) {
    // A shell's `<(command)` has a name, too.
    if (path === '-' || !(await io(path, () => stat(path))).isFile()) return 0;
  }
  let total = 0;
  for (const path of paths) {
    if (isParquet(path)) total += await countParquetRows(path);
    else {
      for await (const { text } of readLines(path)) {
        throwIfAborted(signal);
        if (!isJsonl(path) || text.trim() !== '') total++;
      }
    }
  }
  return total;
}
