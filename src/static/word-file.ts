import type { ReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { EmbedlaneError } from '../core/errors.js';
import { ioError } from '../core/io.js';
import type { Pace } from '../core/pace.js';

/** Bytes read at a time. */
const CHUNK = 1024 * 1024;
/** Longest word or line, and a bound on what a broken file makes us keep. */
export const MAX_LINE = 4 * 1024 * 1024;
/** More than gzip makes of a byte of word vectors; the thousand that it can, a header would claim for a lie of its own. */
const GZIP_EXPANSION = 8;

/**
 * Opens a file of word vectors, which may be compressed with gzip: its first bytes say so.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` if there is no such file
 */
export async function openWordFile(path: string, pace: Pace): Promise<WordFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    const isGzip = bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b;
    const raw = handle.createReadStream({ start: 0, highWaterMark: CHUNK });
    // Whoever reads hears of what goes wrong.
    const content = isGzip ? pipeline(raw, createGunzip({ chunkSize: CHUNK }), () => {}) : raw;
    return new WordFile(path, raw, content, isGzip ? size * GZIP_EXPANSION : size, pace);
  } catch (cause) {
    await handle?.close();
    const message = `Expected a readable file of word vectors at ${path}`;
    throw new EmbedlaneError('ERR_MODEL_NOT_FOUND', message, { cause });
  }
}

/** A file read forward, chunk by chunk, with the part that is not used up yet. */
export class WordFile {
  readonly #path: string;
  readonly #raw: ReadStream;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #most: number;
  readonly #pace: Pace;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = false;

  constructor(path: string, raw: ReadStream, content: Readable, most: number, pace: Pace) {
    this.#path = path;
    this.#raw = raw;
    this.#chunks = content[Symbol.asyncIterator]();
    this.#most = most;
    this.#pace = pace;
  }

  /** About how many rows the file can have if each takes so many bytes at least. */
  mostRows(bytes: number): number {
    return Math.ceil(this.#most / bytes);
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
    const message = `Expected ${expected} in ${this.#path} but received ${actual}`;
    return new EmbedlaneError('ERR_MODEL_INVALID', message);
  }

  async close(): Promise<void> {
    if (this.#raw.closed) return;
    // Not `once` of node:events, which an error that has been told already would make fail.
    await new Promise<void>((resolve) => this.#raw.once('close', () => resolve()).destroy());
  }

  #take(end: number, next: number): Buffer {
    const bytes = this.#buffer.subarray(this.#start, end);
    this.#start = next;
    return bytes;
  }

  async #more(): Promise<boolean> {
    if (this.#end) return false;
    const { done, value } = await this.#next();
    this.#end = done === true;
    this.#buffer = Buffer.concat([this.#buffer.subarray(this.#start), ...(this.#end ? [] : [value])]);
    this.#start = 0;
    return !this.#end;
  }

  async #next(): Promise<IteratorResult<Buffer>> {
    try {
      return await this.#chunks.next();
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException;
      if (code.startsWith('Z_')) throw this.invalid('whole gzip data', message);
      throw ioError('a readable file of word vectors', this.#path, error);
    }
  }
}
