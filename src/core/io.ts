import { resolve } from 'node:path';
import { EmbedlaneError } from './errors.js';

/** Runs a file operation and gives its failure a stable code and the file's name. */
export async function io<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw ioError('a usable file', path, error);
  }
}

/** The typed error for a failed file operation; one that is typed already stays as it is. */
export function ioError(expected: string, path: string, cause: unknown): EmbedlaneError {
  if (cause instanceof EmbedlaneError) return cause;
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new EmbedlaneError('ERR_IO', `Expected ${expected} at ${path} but received ${reason}`, { cause });
}

/**
 * `path` from the root on.
 *
 * @throws {EmbedlaneError} `ERR_IO` for a relative path in a working directory that has been deleted
 */
export function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (cause) {
    const message = `Expected a working directory, from which '${path}' counts, but it has been deleted`;
    throw new EmbedlaneError('ERR_IO', message, { cause });
  }
}
