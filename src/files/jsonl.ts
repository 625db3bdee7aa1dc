import { describe, EmbedlaneError } from '../core/errors.js';
import { fieldOf } from './field.js';
import { type Line, readLines } from './lines.js';

/** True for names that say "one JSON object a line". */
export function isJsonl(path: string): boolean {
  return /\.(jsonl|ndjson)$/i.test(path);
}

/**
 * The field `field` of every record of a JSON-lines file, blank lines skipped.
 *
 * @param field name of a string field; dots reach into nested objects
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` with file and line, for a line that is not such a record
 */
export async function* readJsonlField(path: string, field: string): AsyncGenerator<Line> {
  for await (const line of readLines(path)) {
    if (line.text.trim() === '') continue;
    yield { ...line, text: extract(line, field) };
  }
}

/** The record of one line. */
export function parseJsonLine({ text, file, number }: Line): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a JSON object at ${file}:${number} but received malformed JSON`,
      { cause },
    );
  }
}

function extract(line: Line, field: string): string {
  const value = fieldOf(parseJsonLine(line), field);
  if (typeof value === 'string') return value;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected a string in field '${field}' at ${line.file}:${line.number} but received ${describe(value)}`,
  );
}
