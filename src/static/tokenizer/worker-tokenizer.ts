import { Worker } from 'node:worker_threads';
import { EmbedlaneError } from '../../core/errors.js';
import type { TokenLimits } from '../../native/binding.js';
import { fromWire } from '../../runtime/protocol.js';
import type { Encoded, FromWorker, Opened, TokenizedTexts, ToWorker } from './worker-protocol.js';

type Request = ToWorker extends infer Message
  ? Message extends unknown
    ? Omit<Message, 'id'>
    : never
  : never;

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

/**
 * The `tokenizers` library in a worker thread: parsing a tokenizer and reading its results out take
 * milliseconds that the main thread must not lose. The worker keeps the program alive only while it is asked
 * something.
 */
export class WorkerTokenizer {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #closed = false;

  private constructor() {
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { execArgv: [], env: process.env });
    this.#worker.unref();
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(undefined));
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
    if (this.#closed) return;
    this.#closed = true;
    this.#worker.postMessage({ id: this.#nextId++, method: 'close' } satisfies ToWorker);
  }

  #ask<T>(request: Request): Promise<T> {
    if (this.#closed)
      return Promise.reject(
        new EmbedlaneError('ERR_CLOSED', 'Expected an open model but it has been closed'),
      );
    const id = this.#nextId++;
    return new Promise<T>((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...request } as ToWorker);
    });
  }

  #receive(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('result' in message) pending.resolve(message.result as never);
    else pending.reject(fromWire(message.error));
  }

  #fail(cause: unknown): void {
    this.#closed = true;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    const error = new EmbedlaneError('ERR_RUNTIME', "The tokenizer's thread ended", { cause });
    for (const { reject } of waiting) reject(error);
  }
}
