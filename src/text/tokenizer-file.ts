import { readFile } from 'node:fs/promises';
import { EmbedlaneError } from '../core/errors.js';

/** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if there is no readable `tokenizer.json` */
export async function readTokenizerFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected a readable tokenizer in ${file}`, { cause });
  }
}

/**
 * What `work` makes of a `tokenizer.json`.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if it throws
 */
export function validTokenizer<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new EmbedlaneError('ERR_MODEL_INVALID', `Expected a valid tokenizer in ${file}`, { cause });
  }
}
