import { Worker, type WorkerOptions } from 'node:worker_threads';
import { EmbedlaneError } from './errors.js';

/**
 * Starts a worker thread.
 *
 * @param program what it runs
 * @param owner whose thread it is, for messages: `The tokenizer`
 * @throws {EmbedlaneError} `ERR_RUNTIME` if there can be none
 */
export function startThread(program: URL, options: WorkerOptions, owner: string): Worker {
  try {
    return new Worker(program, { execArgv: [], ...options });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const advice = code === 'ERR_ACCESS_DENIED' ? '; run node with --allow-worker' : '';
    throw new EmbedlaneError('ERR_RUNTIME', `${owner}'s thread could not be started: ${message}${advice}`, {
      cause,
    });
  }
}
