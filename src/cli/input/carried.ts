import { basename, relative, resolve, sep } from 'node:path';
import { isJsonl, parseJsonLine } from '../../files/jsonl.js';
import { readLines } from '../../files/lines.js';
import { isParquet, readParquetRows } from '../../files/parquet.js';
import type { JobFields, JobRecord } from '../../jobs/index.js';
import { readFields } from '../../jobs/row-fields.js';

/** Where rows are, and what of them is what. */
interface Carried {
  /** Names of files, as they are called in ids; none for stdin. */
  files: readonly string[];
  /** Folder that they are named relative to. */
  root?: string;
  fields: JobFields;
}

/**
 * Rows that are read here and not by the workers, with the ids and the metadata that workers would give them. Rows of stdin
 * are lines of JSON if fields are asked for.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` with file and line or row for what is no such record; `ERR_IO`, `ERR_CORRUPT`
 */
export async function* carriedRecords({ files, root = '.', fields }: Carried): AsyncGenerator<JobRecord> {
  const anyField = fields.text !== undefined || fields.id !== undefined || fields.metadata !== undefined;
  if (files.length === 0) yield* linesOf('-', undefined, fields, anyField);
  for (const file of files) {
    const path = resolve(root, file);
    const name = nameOf(path, root);
    if (isParquet(path)) {
      let row = 0;
      for await (const record of readParquetRows(path))
        yield recordOf(record, { file: name, line: ++row }, fields);
    } else {
      yield* linesOf(path, name, fields, fields.text !== undefined || isJsonl(path));
    }
  }
}

async function* linesOf(
  path: string,
  file: string | undefined,
  fields: JobFields,
  json: boolean,
): AsyncGenerator<JobRecord> {
  for await (const line of readLines(path)) {
    if (line.text.trim() === '') continue;
    const place = file === undefined ? undefined : { file, line: line.number };
    if (json) yield recordOf(parseJsonLine(line), place, fields, `${line.file}:${line.number}`);
    else yield { ...(place && { id: idAt(place), metadata: place }), text: line.text };
  }
}

/** A type and no interface, so that it is metadata. */
type Place = { file: string; line: number };

const idAt = ({ file, line }: Place) => `${file}#${line}`;

function recordOf(
  raw: unknown,
  place: Place | undefined,
  { text: textField = 'text', id: idField, metadata: names = [] }: JobFields,
  where = place && idAt(place),
): JobRecord {
  const fields = { text: textField, id: idField, metadata: names };
  const { id = place && idAt(place), text, metadata } = readFields(raw, fields, String(where));
  return { ...(id !== undefined && { id }), text, metadata: { ...metadata, ...place } };
}

/** As a job that does not carry it would call a file, or its own name where it is not below the root. */
function nameOf(path: string, root: string): string {
  const name = relative(resolve(root), path);
  const isBelow = name !== '..' && !name.startsWith(`..${sep}`) && resolve(root, name) === path;
  return isBelow ? name.split(sep).join('/') : basename(path);
}
