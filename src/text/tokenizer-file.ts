import { readFileSync } from 'node:fs';
import { EmbedlaneError } from '../core/errors.js';

/**
 * Reads a `tokenizer.json` at once: whoever does is a lane or a worker that has nothing else to do, and what is made of it
 * natively is made while onnxruntime opens the graph.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_INVALID` if there is none that can be read
 */
export function readTokenizerFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
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
