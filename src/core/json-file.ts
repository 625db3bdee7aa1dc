import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, EmbedlaneError } from './errors.js';
import { ioError } from './io.js';
import { LARGE_JSON, parseLargeJson } from './large-json.js';

/** Bytes of a model's JSON file, of which the largest, with ten thousands of labels, have a few million. */
const MAX_BYTES = 32 * 2 ** 20;

/** Texts, lists and objects in one. */
const MAX_VALUES = 2 ** 21;

/** A JSON object from a model's folder, whose fields are read with checks that name file and field. */
export class JsonObject {
  readonly #values: Record<string, unknown>;
  /** Path below the model's folder, for messages. */
  readonly file: string;

  constructor(file: string, values: unknown) {
    this.file = file;
    if (values === null || typeof values !== 'object' || Array.isArray(values)) {
      throw this.invalid('an object', 'its content', values);
    }
    this.#values = values as Record<string, unknown>;
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  get(field: string): unknown {
    // Many writers spell "not set" as null.
    return Object.hasOwn(this.#values, field) ? (this.#values[field] ?? undefined) : undefined;
  }

  string(field: string): string | undefined {
    return this.#typed(field, 'a string', (value) => typeof value === 'string');
  }

  boolean(field: string): boolean | undefined {
    return this.#typed(field, 'a boolean', (value) => typeof value === 'boolean');
  }

  number(field: string): number | undefined {
    return this.#typed(field, 'a number', (value) => typeof value === 'number');
  }

  /** @param max of what memory is taken for */
  positiveInteger(field: string, max = Number.MAX_SAFE_INTEGER): number | undefined {
    return this.#typed(
      field,
      max === Number.MAX_SAFE_INTEGER ? 'a positive integer' : `an integer between 1 and ${max}`,
      (value) => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= max,
    );
  }

  object(field: string): JsonObject | undefined {
    const value = this.get(field);
    return value === undefined ? undefined : new JsonObject(`${this.file} (${field})`, value);
  }

  /** An object whose values are all strings, for example prompts by name. */
  strings(field: string): Record<string, string> | undefined {
    const nested = this.object(field);
    if (nested === undefined) return undefined;
    const entries = nested.keys().map((key) => [key, nested.string(key) ?? ''] as const);
    return Object.fromEntries(entries);
  }

  invalid(expected: string, field: string, actual: unknown): EmbedlaneError {
    return invalidModelFile(this.file, expected, field, actual);
  }

  #typed<T>(field: string, expected: string, test: (value: unknown) => boolean): T | undefined {
    const value = this.get(field);
    if (value === undefined || test(value)) return value as T | undefined;
    throw this.invalid(expected, `'${field}'`, value);
  }
}

export function invalidModelFile(
  file: string,
  expected: string,
  field: string,
  actual: unknown,
): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_INVALID',
    `Expected ${expected} for ${field} of ${file} but received ${describe(actual)}`,
  );
}

/**
 * Reads and parses a JSON file of a model.
 *
 * @param file path below `folder`
 * @returns the parsed value, or undefined if there is no such file
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if it is no JSON or larger than any model's, `ERR_IO` if it cannot be read
 */
export async function readJson(folder: string, file: string): Promise<unknown> {
  const bytes = await readConfig(folder, file);
  if (!bytes) return undefined;
  try {
    if (bytes.length > LARGE_JSON) return await parseLargeJson(bytes, JSON.parse, MAX_VALUES);
    return JSON.parse(bytes.toString());
  } catch (cause) {
    throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected JSON in ${file} of the model in ${folder}`, {
      cause,
    });
  }
}

async function readConfig(folder: string, file: string): Promise<Buffer | undefined> {
  const path = join(folder, file);
  try {
    const stats = await stat(path);
    // To open a pipe would wait for ever.
    if (!stats.isFile()) throw new Error('It is no file');
    if (stats.size > MAX_BYTES)
      throw invalidModelFile(file, `at most ${MAX_BYTES} bytes`, 'the size', stats.size);
    return await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (cause instanceof EmbedlaneError) throw cause;
    throw ioError(`a readable ${file} of the model`, folder, cause);
  }
}

/** {@link readJson} for files that hold one object. */
export async function readJsonObject(folder: string, file: string): Promise<JsonObject | undefined> {
  const value = await readJson(folder, file);
  return value === undefined ? undefined : new JsonObject(file, value);
}
