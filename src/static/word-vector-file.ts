import { type FileHandle, open } from 'node:fs/promises';
import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { Pace } from '../core/pace.js';
import type { OnProgress } from '../core/progress.js';
import { allocateFloats } from '../native/memory.js';

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
  return /\.vec$|(glove|word2vec|w2v|googlenews|(^|\/)vectors)[^/]*\.(txt|bin)$/i.test(path);
}

/** Bytes read at a time. */
const CHUNK = 1024 * 1024;
/** Longest word or line, and a bound on what a broken file makes us keep. */
const MAX_LINE = 4 * 1024 * 1024;
const MAX_DIMS = 100_000;
const NEWLINE = 10;
const SPACE = 32;

/** A file read forward, chunk by chunk, with the part that is not used up yet. */
class Source {
  readonly #handle: FileHandle;
  readonly #file: string;
  readonly #pace: Pace;
  #buffer = Buffer.alloc(0);
  #start = 0;
  #end = false;

  constructor(handle: FileHandle, file: string, pace: Pace) {
    this.#handle = handle;
    this.#file = file;
    this.#pace = pace;
  }

  /** Bytes up to `stop` (excluded and skipped), or to the end of the file; undefined at the end. */
  async until(stop: number): Promise<Buffer | undefined> {
    for (let from = this.#start; ; ) {
      const at = this.#buffer.indexOf(stop, from);
      if (at !== -1) return this.#take(at, at + 1);
      if (this.#buffer.length - this.#start > MAX_LINE)
        throw this.invalid(`lines of at most ${MAX_LINE} bytes`, 'more');
      const seen = this.#buffer.length - this.#start;
      if (!(await this.#more())) {
        return this.#start === this.#buffer.length
          ? undefined
          : this.#take(this.#buffer.length, this.#buffer.length);
      }
      from = this.#start + seen;
    }
  }

  /** Exactly `length` bytes; undefined if the file has less left. */
  async bytes(length: number): Promise<Buffer | undefined> {
    while (this.#buffer.length - this.#start < length) if (!(await this.#more())) return undefined;
    return this.#take(this.#start + length, this.#start + length);
  }

  /** The next bytes without using them up, fewer at the end of the file. */
  async peek(length: number): Promise<Buffer> {
    while (this.#buffer.length - this.#start < length) if (!(await this.#more())) break;
    return this.#buffer.subarray(this.#start, this.#start + length);
  }

  /** Leaves out one byte if it is this one. */
  async skip(byte: number): Promise<void> {
    if ((await this.peek(1))[0] === byte) this.#start++;
  }

  async breathe(): Promise<void> {
    if (this.#pace.due) await this.#pace.turn();
  }

  invalid(expected: string, actual: string): EmbedlaneError {
    return new EmbedlaneError(
      'ERR_MODEL_INVALID',
      `Expected ${expected} in ${this.#file} but received ${actual}`,
    );
  }

  #take(end: number, next: number): Buffer {
    const bytes = this.#buffer.subarray(this.#start, end);
    this.#start = next;
    return bytes;
  }

  async #more(): Promise<boolean> {
    if (this.#end) return false;
    const chunk = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await this.#handle.read(chunk, 0, CHUNK);
    this.#end = bytesRead === 0;
    this.#buffer = Buffer.concat([this.#buffer.subarray(this.#start), chunk.subarray(0, bytesRead)]);
    this.#start = 0;
    return !this.#end;
  }
}

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
 * `.vec`. Streams: memory is the table's, and the event loop turns.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` if there is no such file; `ERR_MODEL_INVALID` if it is cut short, has
 *   another number of words than its header says, or values that are no finite numbers; `ERR_ABORTED`
 */
export async function readWords(file: string, options: ReadWordsOptions): Promise<WordTable> {
  throwIfAborted(options.signal);
  let handle: FileHandle;
  try {
    handle = await open(file);
  } catch (cause) {
    throw new EmbedlaneError('ERR_MODEL_NOT_FOUND', `Expected a readable file of word vectors at ${file}`, {
      cause,
    });
  }
  try {
    const source = new Source(handle, file, new Pace(options.signal));
    return await readTable(source, options);
  } finally {
    await handle.close();
  }
}

async function readTable(source: Source, options: ReadWordsOptions): Promise<WordTable> {
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
async function looksLikeText(source: Source, dims: number): Promise<boolean> {
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
  source: Source,
  dims: number,
  count: number | undefined,
  { limit, onProgress }: ReadWordsOptions,
): Promise<WordTable> {
  const rows = new Rows(dims, Math.min(count ?? 0, limit));
  let lines = 0;
  while (lines < limit) {
    const bytes = await source.until(NEWLINE);
    if (bytes === undefined) break;
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
      const value = field === '' ? Number.NaN : Number(field);
      if (!Number.isFinite(value))
        throw source.invalid(`finite numbers in line ${lines}`, JSON.stringify(field));
      if (row) row[d] = value;
    }
    if (lines % 256 === 0) {
      await source.breathe();
      if (count !== undefined) onProgress?.({ completed: lines, total: Math.min(count, limit) });
    }
  }
  checkCount(source, lines, count, limit);
  return rows.finish();
}

async function readBinary(
  source: Source,
  dims: number,
  count: number,
  { limit, onProgress }: ReadWordsOptions,
): Promise<WordTable> {
  const total = Math.min(count, limit);
  const rows = new Rows(dims, total);
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

function checkCount(source: Source, found: number, count: number | undefined, limit: number): void {
  if (count === undefined ? found === 0 : found < Math.min(count, limit)) {
    throw source.invalid(
      `${count ?? 'at least one'} words${count ? ', as its header says,' : ''}`,
      `${found}; it may be cut short`,
    );
  }
}
