import { createReadStream } from 'node:fs';
import { EmbedlaneError } from '../core/errors.js';
import { ioError } from '../core/io.js';

/** Longest line accepted; a file without line ends must not fill the memory. */
const MAX_LINE_CHARS = 64 * 1024 * 1024;

/** One line of a file and where it stands, for error messages and search results. */
export interface Line {
  readonly text: string;
  /** File name, or `<stdin>`. */
  readonly file: string;
  /** 1-based. */
  readonly number: number;
}

/**
 * Lines of a file or of stdin, UTF-8, without their line ends (`\n` or `\r\n`).
 *
 * Not `node:readline`: that one also splits at U+2028 and U+2029, which JSON strings may hold unescaped.
 *
 * @param path a file name, or `-` for stdin
 * @throws {EmbedlaneError} `ERR_IO` when the file cannot be read or a line is longer than 64 Mi characters,
 *   `ERR_INVALID_ARG` when its byte order mark says that it is UTF-16
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const file = path === '-' ? '<stdin>' : path;
  const stream = path === '-' ? process.stdin : createReadStream(path);
  const decoder = new TextDecoder('utf-8');
  let number = 0;
  // Pieces of the line that is still open, joined once: a long line must not cost a copy per chunk.
  let open: string[] = [];
  let openChars = 0;
  const finish = (last: string): Line => {
    open.push(last);
    let text = open.length === 1 ? last : open.join('');
    if (text.endsWith('\r')) text = text.slice(0, -1);
    open = [];
    openChars = 0;
    return { text, file, number: ++number };
  };

  try {
    for await (const chunk of stream) {
      if (number === 0 && open.length === 0) requireUtf8(chunk as Buffer, file);
      const parts = decoder.decode(chunk as Buffer, { stream: true }).split('\n');
      const rest = parts.pop() as string;
      for (const part of parts) yield finish(part);
      open.push(rest);
      openChars += rest.length;
      if (openChars > MAX_LINE_CHARS) {
        throw new EmbedlaneError(
          'ERR_IO',
          `Expected lines of at most ${MAX_LINE_CHARS} characters in ${file} but received a longer line ${number + 1}`,
        );
      }
    }
  } catch (error) {
    throw ioError('a readable file', file, error);
  }
  const tail = decoder.decode();
  if (openChars > 0 || tail !== '') yield finish(tail);
}

/** What Windows PowerShell's `>` writes would be read as lines of NULs, and nobody would notice. */
export function requireUtf8(start: Uint8Array, file: string): void {
  const mark = (start[0] << 8) | start[1];
  if (mark !== 0xfffe && mark !== 0xfeff) return;
  throw new EmbedlaneError('ERR_INVALID_ARG', `Expected UTF-8 text in ${file} but received UTF-16`);
}
