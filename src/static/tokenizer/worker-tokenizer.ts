import type { TokenLimits } from '../../native/binding.js';
import { WorkerCalls } from '../../runtime/worker-calls.js';
import type { Encoded, Opened, TokenizedTexts, ToWorker } from './worker-protocol.js';

type Request = ToWorker extends infer Message
  ? Message extends unknown
    ? Omit<Message, 'id'>
    : never
  : never;

/**
 * The `tokenizers` library in a worker thread: parsing a tokenizer and reading its results out take
 * milliseconds that the main thread must not lose.
 */
export class WorkerTokenizer {
  readonly #calls: WorkerCalls;

  private constructor() {
    const program = new URL('./worker.js', import.meta.url);
    this.#calls = new WorkerCalls(program, { env: process.env }, 'The model');
  }

  /** @throws {EmbedlaneError} `ERR_MODEL_INVALID` if the file is missing or malformed */
  static async open(file: string): Promise<{ tokenizer: WorkerTokenizer; opened: Opened }> {
    const tokenizer = new WorkerTokenizer();
    try {
      return { tokenizer, opened: await tokenizer.#ask<Opened>({ method: 'open', file }) };
    } catch (error) {
      tokenizer.close();
      throw error;
    }
  }

  /** Ids without special tokens. Texts are well-formed. */
  encode(texts: string[], limits: TokenLimits): Promise<Encoded> {
    return this.#ask({ method: 'encode', texts, limits });
  }

  tokenize(texts: string[], limits: TokenLimits): Promise<TokenizedTexts> {
    return this.#ask({ method: 'tokenize', texts, limits });
  }

  /** Text of each list of tokens. */
  decode(ids: number[][], skipSpecialTokens: boolean): Promise<string[]> {
    return this.#ask({ method: 'decode', ids, skipSpecialTokens });
  }

  /** Lets the worker end when it has answered what it was asked. */
  close(): void {
    this.#calls.end({ method: 'close' } satisfies Request).catch(() => {});
  }

  #ask<T>(request: Request): Promise<T> {
    return this.#calls.ask(request);
  }
}
