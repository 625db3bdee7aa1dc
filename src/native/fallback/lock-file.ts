import { closeSync, openSync } from 'node:fs';
import { EmbedlaneError } from '../../core/errors.js';

/**
 * JavaScript has no locks on files. What it can do is make a file that nobody has made before: enough for a new
 * index, but not for changing one.
 *
 * @throws {EmbedlaneError} `ERR_NATIVE_LOAD` if the file exists, `ERR_IO` if it cannot be made
 */
export function lockFile(path: string): () => void {
  try {
    closeSync(openSync(path, 'wx'));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new EmbedlaneError('ERR_IO', `Expected to make ${path} but could not`, { cause });
    }
    throw new EmbedlaneError(
      'ERR_NATIVE_LOAD',
      `Expected the addon for locking ${path} but received none; without it, save to a new folder`,
    );
  }
  return () => {};
}
