import { describe, EmbedlaneError } from '../../core/errors.js';
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

function extract(line: Line, field: string): string {
  const where = `${line.file}:${line.number}`;
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a JSON object at ${where} but received malformed JSON`,
      {
        cause,
      },
    );
  }
  for (const key of field.split('.')) {
    value =
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<string, unknown>)[key]
        : undefined;
  }
  if (typeof value !== 'string') {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a string in field '${field}' at ${where} but received ${describe(value)}`,
    );
  }
  return value;
}
