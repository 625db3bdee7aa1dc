import { throwIfAborted } from '../core/abort.js';
import { Pace } from '../core/pace.js';
import type { OnProgress } from '../core/progress.js';
import { allocateFloats } from '../native/memory.js';
import { MAX_LINE, openWordFile, type WordFile } from './word-file.js';

/** How word vectors are written down. */
export const WORD_VECTOR_FORMATS = ['text', 'binary'] as const;
export type WordVectorFormat = (typeof WORD_VECTOR_FORMATS)[number];

export interface WordTable {
  words: string[];
  /** Row-major, one row per word. */
  data: Float32Array<ArrayBuffer>;
  dims: number;
}

export interface ReadWordsOptions {
  /** Undefined: found out from the file's beginning. */
  format: WordVectorFormat | undefined;
  /** Only so many of the first words. */
  limit: number;
  signal: AbortSignal | undefined;
  onProgress: OnProgress | undefined;
}

/**
 * Whether a file's name says that it holds word vectors in a format that is read here. fastText's own `.bin` is not
 * among them, and most files of that ending are something else.
 */
export function isWordVectorFile(path: string): boolean {
  return /\.vec(\.gz)?$|(glove|word2vec|w2v|googlenews|(^|\/)vectors)[^/]*\.(txt|bin)(\.gz)?$/i.test(path);
}

const MAX_DIMS = 100_000;
const NEWLINE = 10;
const SPACE = 32;

/** Rows that grow where the file does not say how many there are. */
class Rows {
  readonly words: string[] = [];
  readonly #known = new Set<string>();
  readonly #dims: number;
  #data: Float32Array<ArrayBuffer>;

  constructor(dims: number, expected: number) {
    this.#dims = dims;
    this.#data = allocateFloats(expected * dims);
  }

  /** A row for `word` to write to; undefined for a word that is there already: the first one counts. */
  add(word: string): Float32Array | undefined {
    if (this.#known.has(word)) return undefined;
    this.#known.add(word);
    const start = this.words.push(word) * this.#dims - this.#dims;
    if (start + this.#dims > this.#data.length) {
      const grown = allocateFloats(Math.max(1024 * this.#dims, 2 * this.#data.length));
      grown.set(this.#data);
      this.#data = grown;
    }
    return this.#data.subarray(start, start + this.#dims);
  }

  finish(): WordTable {
    const length = this.words.length * this.#dims;
    const data = this.#data.length === length ? this.#data : this.#data.slice(0, length);
    return { words: this.words, data, dims: this.#dims };
  }
}

/**
 * Reads word vectors: word2vec text and binary (with or without a newline after each vector), GloVe text, fastText
 * `.vec`, each also compressed with gzip. Streams: memory is the table's, and the event loop turns.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` if there is no such file; `ERR_MODEL_INVALID` if it is cut short, has
 *   another number of words than its header says, or values that are no finite numbers; `ERR_ABORTED`
 */
export async function readWords(file: string, options: ReadWordsOptions): Promise<WordTable> {
  throwIfAborted(options.signal);
  const source = await openWordFile(file, new Pace(options.signal));
  try {
    return await readTable(source, options);
  } finally {
    await source.close();
  }
}

async function readTable(source: WordFile, options: ReadWordsOptions): Promise<WordTable> {
  const beginning = await source.peek(MAX_LINE / 16);
  const firstLine = beginning.subarray(0, Math.max(0, beginning.indexOf(NEWLINE))).toString('utf8');
  const header = /^(\d+) (\d+)\s*$/.exec(firstLine);
  if (!header) {
    if (options.format === 'binary')
      throw source.invalid("a header 'words dimensions'", JSON.stringify(firstLine.slice(0, 40)));
    const dims = firstLine.trimEnd().split(' ').length - 1;
    if (dims < 1 || dims > MAX_DIMS)
      throw source.invalid('a word and its vector in the first line', JSON.stringify(firstLine.slice(0, 40)));
    return readText(source, dims, undefined, options);
  }
  const [count, dims] = [Number(header[1]), Number(header[2])];
  if (dims < 1 || dims > MAX_DIMS || count < 1)
    throw source.invalid('at least one word and dimension', firstLine.trim());
  await source.until(NEWLINE);
  const format = options.format ?? ((await looksLikeText(source, dims)) ? 'text' : 'binary');
  return format === 'text'
    ? readText(source, dims, count, options)
    : readBinary(source, dims, count, options);
}

/** Whether the next line ends in as many numbers as a vector has. */
async function looksLikeText(source: WordFile, dims: number): Promise<boolean> {
  const beginning = await source.peek(dims * 32 + 1024);
  const end = beginning.indexOf(NEWLINE);
  const line = beginning
    .subarray(0, end === -1 ? beginning.length : end)
    .toString('latin1')
    .trimEnd();
  const fields = line.split(' ').slice(1);
  return (
    fields.length >= dims &&
    fields.slice(-dims).every((field) => /^[-+]?[\d.]/.test(field) && Number.isFinite(Number(field)))
  );
}

async function readText(
  source: WordFile,
  dims: number,
  count: number | undefined,
  { limit, onProgress }: ReadWordsOptions,
): Promise<WordTable> {
  const rows = new Rows(dims, Math.min(count ?? 0, limit, source.mostRows(2 * dims)));
  let lines = 0;
  for (let read = 1; lines < limit; read++) {
    const bytes = await source.until(NEWLINE);
    if (bytes === undefined) break;
    if (read % 256 === 0) await source.breathe();
    const line = bytes.toString('utf8').trimEnd();
    if (line === '') continue;
    lines++;
    // From the end: GloVe has words with spaces in them.
    const fields = line.split(' ');
    if (fields.length <= dims)
      throw source.invalid(`a word and ${dims} values in line ${lines}`, `${fields.length - 1} values`);
    const row = rows.add(fields.slice(0, fields.length - dims).join(' '));
    for (let d = 0; d < dims; d++) {
      const field = fields[fields.length - dims + d];
      const value = field === '' ? Number.NaN : Math.fround(Number(field));
      if (!Number.isFinite(value))
        throw source.invalid(`finite numbers in line ${lines}`, JSON.stringify(field));
      if (row) row[d] = value;
    }
    if (lines % 256 === 0 && count !== undefined)
      onProgress?.({ completed: lines, total: Math.min(count, limit) });
  }
  checkCount(source, lines, count, limit);
  return rows.finish();
}

async function readBinary(
  source: WordFile,
  dims: number,
  count: number,
  { limit, onProgress }: ReadWordsOptions,
): Promise<WordTable> {
  const total = Math.min(count, limit);
  const rows = new Rows(dims, Math.min(total, source.mostRows(4 * dims)));
  for (let i = 0; i < total; i++) {
    await source.skip(NEWLINE);
    const word = (await source.until(SPACE))?.toString('utf8');
    const bytes = await source.bytes(4 * dims);
    if (word === undefined || bytes === undefined)
      throw source.invalid(`${count} words, as its header says,`, `${i}; it is cut short`);
    const row = rows.add(word);
    for (let d = 0; d < dims; d++) {
      const value = bytes.readFloatLE(4 * d);
      if (!Number.isFinite(value)) throw source.invalid(`finite values for word ${i}`, String(value));
      if (row) row[d] = value;
    }
    if (i % 256 === 255) {
      await source.breathe();
      onProgress?.({ completed: i + 1, total });
    }
  }
  await source.skip(NEWLINE);
  if (count <= limit && (await source.peek(1)).length > 0)
    throw source.invalid(`${count} words, as its header says,`, 'more');
  return rows.finish();
}

function checkCount(source: WordFile, found: number, count: number | undefined, limit: number): void {
  if (count === undefined ? found === 0 : found < Math.min(count, limit)) {
    throw source.invalid(
      `${count ?? 'at least one'} words${count ? ', as its header says,' : ''}`,
      `${found}; it may be cut short`,
    );
  }
}
