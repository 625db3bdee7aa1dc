import { WorkerCalls } from '../../runtime/worker-calls.js';
import type { RecordDatabase } from './database.js';
import type { DatabaseFile, DatabaseMethod, ToDatabase } from './protocol.js';

/** A {@link RecordDatabase} in a thread of its own. */
export class DatabaseThread {
  readonly #calls: WorkerCalls;

  constructor(workerData: DatabaseFile) {
    const program = new URL('./database-worker.js', import.meta.url);
    this.#calls = new WorkerCalls(program, { workerData }, 'The store');
  }

  /** Calls a method of the database there. Calls are answered in their order. */
  call<M extends DatabaseMethod>(
    method: M,
    ...args: Parameters<RecordDatabase[M]>
  ): Promise<ReturnType<RecordDatabase[M]>> {
    return this.#calls.ask({ method, args } satisfies Omit<ToDatabase, 'id'>);
  }

  async close(): Promise<void> {
    await this.#calls.end({ method: 'close', args: [] } satisfies Omit<ToDatabase, 'id'>);
  }
}
