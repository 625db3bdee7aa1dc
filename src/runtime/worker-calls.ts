import type { Worker, WorkerOptions } from 'node:worker_threads';
import { EmbedlaneError } from '../core/errors.js';
import { startThread } from '../core/start-thread.js';
import { importError } from './dependency-error.js';
import { fromWire, type WireError } from './protocol.js';

/** What a worker answers: the question's number, and a result or an error. */
export type WorkerAnswer = { id: number; result: unknown } | { id: number; error: WireError };

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

/** Questions to a worker thread, which keeps the program alive only while it is asked something. */
export class WorkerCalls {
  readonly #worker: Worker;
  readonly #owner: string;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #ended = false;
  /** Why the thread ended by itself. */
  #failure: EmbedlaneError | undefined;

  /**
   * @param program what the thread runs
   * @param owner whose thread it is, for messages: `The tokenizer`
   * @throws {EmbedlaneError} `ERR_RUNTIME` if there can be no thread
   */
  constructor(program: URL, options: WorkerOptions, owner: string) {
    const worker = startThread(program, options, owner);
    this.#worker = worker;
    this.#owner = owner;
    worker.unref();
    worker.on('message', (message: WorkerAnswer) => this.#receive(message));
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', () => this.#fail(undefined));
  }

  /** Asks a question and waits for its answer. Those of one worker are answered in turn. */
  ask<T>(question: object): Promise<T> {
    if (this.#ended) {
      const closed = new EmbedlaneError('ERR_CLOSED', `${this.#owner} is closed`);
      return Promise.reject(this.#failure ?? closed);
    }
    return new Promise<T>((resolve, reject) => {
      const id = this.#nextId++;
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...question });
    });
  }

  /** {@link ask} for the last time: the worker ends with it. */
  async end(question: object): Promise<void> {
    const answered = this.ask<void>(question);
    this.#ended = true;
    await answered;
  }

  #receive(message: WorkerAnswer): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('result' in message) pending.resolve(message.result as never);
    else pending.reject(fromWire(message.error));
  }

  #fail(cause: unknown): void {
    const wasClosed = this.#ended;
    this.#ended = true;
    const error =
      importError(cause) ?? new EmbedlaneError('ERR_RUNTIME', `${this.#owner}'s thread ended`, { cause });
    if (!wasClosed) this.#failure = error;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
