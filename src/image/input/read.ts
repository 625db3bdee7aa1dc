import { readFile, stat } from 'node:fs/promises';
import { EmbedlaneError } from '../../core/errors.js';
import type { DecodeSettings } from '../decode/settings.js';

/**
 * Reads a picture's file. Only regular files: a pipe or a device could keep a thread waiting for ever.
 *
 * @throws {EmbedlaneError} `ERR_IMAGE`
 */
export async function readImageFile(path: string, { maxBytes }: DecodeSettings): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (!info.isFile())
      throw refused('a regular file', info.isDirectory() ? 'a directory' : 'something else');
    if (info.size > maxBytes) throw refused(`a file of at most ${maxBytes} bytes`, `${info.size} bytes`);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof EmbedlaneError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new EmbedlaneError('ERR_IMAGE', `Expected a readable file but received ${code ?? message}`, {
      cause,
    });
  }
}

function refused(expected: string, actual: string): EmbedlaneError {
  return new EmbedlaneError('ERR_IMAGE', `Expected ${expected} but received ${actual}`);
}
