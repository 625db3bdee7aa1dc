import { readFile } from 'node:fs/promises';
import { describe, EmbedlaneError } from '../../core/errors.js';

/** The calls of sentence-transformers that a golden may hold. */
export const GOLDEN_CALLS = ['encode', 'encode_query', 'encode_document'] as const;
export type GoldenCall = (typeof GOLDEN_CALLS)[number];

/** One call and what it returned. */
export interface GoldenCase {
  call: GoldenCall;
  texts: string[];
  /** Keyword arguments of the call. */
  prompt?: string;
  promptName?: string;
  normalize?: boolean;
  truncateDim?: number;
  /** Token ids of the texts without any prompt, truncated. */
  inputIds?: number[][];
  embeddings: number[][];
}

/** What a model computes elsewhere, as `make_goldens.py` of the documentation writes it. */
export interface Golden {
  model: string;
  cases: GoldenCase[];
}

/** The file's own name and version, so that no other JSON is taken for one. */
const FORMAT = 'embedlane-golden/1';

/**
 * Reads a golden.
 *
 * @throws {EmbedlaneError} `ERR_IO` if the file cannot be read, `ERR_INVALID_ARG` naming the field that is wrong
 */
export async function readGolden(file: string): Promise<Golden> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new EmbedlaneError('ERR_IO', `Expected a readable golden in ${file}`, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected JSON in the golden ${file}`, { cause });
  }
  const golden = record(file, 'its content', value);
  if (golden.format !== FORMAT) throw wrong(file, `'${FORMAT}'`, 'format', golden.format);
  const cases = list(file, 'cases', golden.cases).map((item, i) => readCase(file, `cases[${i}]`, item));
  if (cases.length === 0) throw wrong(file, 'at least one case', 'cases', golden.cases);
  return { model: string(file, 'model', golden.model) ?? '', cases };
}

function readCase(file: string, name: string, value: unknown): GoldenCase {
  const item = record(file, name, value);
  const call = GOLDEN_CALLS.find((known) => known === item.call);
  if (call === undefined) throw wrong(file, `one of ${GOLDEN_CALLS.join(', ')}`, `${name}.call`, item.call);
  const texts = list(file, `${name}.texts`, item.texts).map((text, i) => {
    if (typeof text !== 'string') throw wrong(file, 'a string', `${name}.texts[${i}]`, text);
    return text;
  });
  const embeddings = numbers(file, `${name}.embeddings`, item.embeddings, texts.length);
  const width = embeddings[0]?.length ?? 0;
  const odd = embeddings.findIndex((row) => row.length !== width || width === 0);
  if (odd !== -1)
    throw wrong(file, `rows of ${width} numbers`, `${name}.embeddings[${odd}]`, embeddings[odd]);
  return {
    call,
    texts,
    embeddings,
    prompt: string(file, `${name}.prompt`, item.prompt),
    promptName: string(file, `${name}.prompt_name`, item.prompt_name),
    normalize: item.normalize_embeddings === true,
    truncateDim: typeof item.truncate_dim === 'number' ? item.truncate_dim : undefined,
    inputIds:
      item.input_ids === undefined || item.input_ids === null
        ? undefined
        : numbers(file, `${name}.input_ids`, item.input_ids, texts.length),
  };
}

function record(file: string, name: string, value: unknown): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw wrong(file, 'an object', name, value);
  return value as Record<string, unknown>;
}

function list(file: string, name: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw wrong(file, 'an array', name, value);
  return value;
}

function string(file: string, name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw wrong(file, 'a string', name, value);
  return value;
}

/** As many lists of finite numbers as there are texts. */
function numbers(file: string, name: string, value: unknown, rows: number): number[][] {
  const lists = list(file, name, value);
  if (lists.length !== rows) throw wrong(file, `${rows} rows, one per text,`, name, value);
  return lists.map((row, i) => {
    const cells = list(file, `${name}[${i}]`, row);
    const odd = cells.findIndex((cell) => typeof cell !== 'number' || !Number.isFinite(cell));
    if (odd !== -1) throw wrong(file, 'a finite number', `${name}[${i}][${odd}]`, cells[odd]);
    return cells as number[];
  });
}

function wrong(file: string, expected: string, field: string, actual: unknown): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected ${expected} for ${field} of the golden ${file} but received ${describe(actual)}`,
  );
}
