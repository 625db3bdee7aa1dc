import { Worker } from 'node:worker_threads';
import { EmbedlaneError } from '../../core/errors.js';
import { fromWire } from '../../runtime/protocol.js';
import type { RecordDatabase } from './database.js';
import type { DatabaseFile, DatabaseMethod, FromDatabase, ToDatabase } from './protocol.js';

interface Pending {
  resolve(value: never): void;
  reject(error: Error): void;
}

/** A {@link RecordDatabase} in a thread, which keeps the program alive only while it is asked something. */
export class DatabaseThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;
  #ended = false;

  constructor(file: DatabaseFile) {
    this.#worker = new Worker(new URL('./database-worker.js', import.meta.url), {
      execArgv: [],
      workerData: file,
    });
    this.#worker.unref();
    this.#worker.on('message', (message: FromDatabase) => this.#receive(message));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(undefined));
  }

  /** Calls a method of the database there. Calls are answered in their order. */
  call<M extends DatabaseMethod>(
    method: M,
    ...args: Parameters<RecordDatabase[M]>
  ): Promise<ReturnType<RecordDatabase[M]>> {
    if (this.#ended) return Promise.reject(new EmbedlaneError('ERR_CLOSED', 'The store is closed'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#worker.postMessage({ id, method, args } satisfies ToDatabase);
    });
  }

  #receive(message: FromDatabase): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('result' in message) pending.resolve(message.result as never);
    else pending.reject(fromWire(message.error));
  }

  #fail(cause: unknown): void {
    this.#ended = true;
    const error = new EmbedlaneError('ERR_RUNTIME', "The database's thread ended", { cause });
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
