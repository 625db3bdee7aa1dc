import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';

/**
 * Makes the folder of an index before the work begins, which may take hours.
 *
 * @throws {EmbedlaneError} `ERR_IO` if nothing can be written there
 */
export async function makeIndexFolder(folder: string): Promise<void> {
  if (folder === '')
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected a folder for --index but received ""');
  await io(folder, async () => {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  });
}

/** The name of a model that an index keeps: `./model` is another folder to who searches from elsewhere. */
export function lastingId(modelId: string): string {
  return /^\.{1,2}([\\/]|$)/.test(modelId) ? resolve(modelId) : modelId;
}
