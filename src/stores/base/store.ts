import { abortError, throwIfAborted } from '../../core/abort.js';
import { requireMaker } from '../../core/constructed.js';
import { EmbedlaneError, invalidArgument, withCallerStack } from '../../core/errors.js';
import { retry } from '../../core/retry.js';
import { iterable } from '../../core/stream-parts.js';
import {
  integer,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionsObject,
} from '../../core/validate.js';
import type { StoreFilter } from '../filter/expression.js';
import { filterArgument } from '../filter/parse.js';
import type {
  CollectionInfo,
  CollectionOptions,
  IncludeOptions,
  ScrollOptions,
  StoredRecord,
  StoreEmbedder,
  StoreHit,
  StoreOptions,
  StoreQuery,
  StoreRecord,
  StoreSearchOptions,
  UpsertOptions,
  VectorStore,
} from '../types.js';
import { checkRecords, type RecordBatch, recordBatches } from './batches.js';
import { collectionArguments, requireSame } from './collection.js';
import { embedderArgument } from './embed.js';
import type { EngineContext, PreparedRecord, StoreEngine } from './engine.js';
import { StoreError } from './error.js';
import { recordId, recordIds } from './records.js';
import { includeArgument, queryArgument, runSearch, searchArguments } from './search.js';

const DEFAULT_PAGE = 500;
/** Ids in one request. */
const MAX_IDS = 1000;

/**
 * A {@link VectorStore} over one engine: arguments, embedding, batches, retries, aborting and closing are here, the
 * engine's language is in the engine.
 */
export abstract class CollectionStore implements VectorStore {
  readonly #engine: StoreEngine;
  readonly #embedder: StoreEmbedder | undefined;
  readonly #running = new Set<Promise<unknown>>();
  #info: CollectionInfo | undefined;
  #closed: Promise<void> | undefined;

  /** @param options of the store, of which only those of {@link StoreOptions} are read */
  protected constructor(engine: StoreEngine, options: StoreOptions) {
    requireMaker(`${new.target.name}.open`, engine);
    this.#engine = engine;
    this.#embedder = embedderArgument('options.embedder', options.embedder);
  }

  async create(options: CollectionOptions): Promise<void> {
    const { info, index, signal } = collectionArguments(options, this.#engine);
    await this.#run(signal, async () => {
      const existing = await this.#engine.describe(signal);
      if (existing === undefined) await this.#engine.create(info, index, signal);
      else requireSame(existing, info);
      this.#info = info;
    });
  }

  async info(options?: { signal?: AbortSignal }): Promise<CollectionInfo | undefined> {
    const signal = signalOption(options);
    this.#info = await this.#run(signal, () => this.#engine.describe(signal));
    return this.#info;
  }

  async upsert(
    records: Iterable<StoreRecord> | AsyncIterable<StoreRecord>,
    options?: UpsertOptions,
  ): Promise<number> {
    const known = optionsObject('options', options, ['batchSize', 'signal', 'onProgress']);
    const { limits } = this.#engine;
    const batchSize = integer('options.batchSize', known.batchSize ?? limits.batchRecords, 1, 1_000_000);
    const signal = optionalSignal('options.signal', known.signal);
    const onProgress = optionalFunction('options.onProgress', known.onProgress);
    iterable('records', 'records', records);
    this.#requireOpen();
    const context = await this.#context(signal);
    const encode = this.#engine.encode?.bind(this.#engine);
    const rules = {
      info: context.info,
      limits,
      embedder: this.#embedder,
      encode: encode && ((batch: readonly PreparedRecord[]) => encode(batch, context)),
    };
    if (Array.isArray(records)) await checkRecords(records, rules, signal);
    const batches = recordBatches(records, rules, Math.min(batchSize, limits.batchRecords), signal);
    let read = 0;
    let stored = 0;
    try {
      // One batch is read and embedded while another is being stored.
      for (let ahead = batches.next(); ; ) {
        const next = await untilAborted(ahead, signal);
        if (next.done) return stored;
        const batch: RecordBatch = next.value;
        read += batch.read;
        ahead = batches.next();
        ahead.catch(() => {});
        await this.#run(signal, () => this.#engine.write(batch.records, context, batch.encoded));
        stored += batch.read;
        onProgress?.({ completed: stored, total: Array.isArray(records) ? records.length : read });
      }
    } catch (error) {
      throw StoreError.after(stored, error);
    } finally {
      void batches.return().catch(() => {});
    }
  }

  async search(query: StoreQuery, options?: StoreSearchOptions): Promise<StoreHit[]> {
    const checked = searchArguments(options, this.#engine);
    return this.#whole(async () => {
      const context = await this.#context(checked.signal);
      const asked = queryArgument(query, context.info, this.#embedder);
      return this.#step(checked.signal, () => runSearch(this.#engine, asked, checked, context));
    });
  }

  async get(ids: Iterable<string>, options?: IncludeOptions): Promise<(StoredRecord | undefined)[]> {
    const known = optionsObject('options', options, ['include', 'signal']);
    const include = includeArgument(known);
    const wanted = recordIds('ids', ids);
    const signal = optionalSignal('options.signal', known.signal);
    return this.#whole(async () => {
      const context = await this.#context(signal);
      const found = new Map<string, StoredRecord>();
      for (const part of parts(wanted)) {
        const records = await this.#step(signal, () => this.#engine.get(part, include, context));
        for (const record of records) found.set(record.id, record);
      }
      return wanted.map((id) => found.get(id));
    });
  }

  async delete(
    what: Iterable<string> | { filter: StoreFilter },
    options?: { signal?: AbortSignal },
  ): Promise<number> {
    const signal = signalOption(options);
    if (typeof what === 'object' && what !== null && !(Symbol.iterator in what)) {
      const { filter } = optionsObject<{ filter: StoreFilter }>('what', what, ['filter']);
      const node = filterArgument('what.filter', filter as StoreFilter);
      if (node === undefined) throw invalidArgument('what.filter', 'a filter', filter);
      return this.#whole(async () => {
        const context = await this.#context(signal);
        return this.#step(signal, () => this.#engine.deleteMatching(node, context));
      });
    }
    const ids = recordIds('ids', what);
    return this.#whole(async () => {
      const context = await this.#context(signal);
      let deleted = 0;
      for (const part of parts(ids)) {
        deleted += await this.#step(signal, () => this.#engine.delete(part, context));
      }
      return deleted;
    });
  }

  async count(options?: { filter?: StoreFilter; signal?: AbortSignal }): Promise<number> {
    const known = optionsObject('options', options, ['filter', 'signal']);
    const filter = filterArgument('options.filter', known.filter);
    const signal = optionalSignal('options.signal', known.signal);
    return this.#whole(async () => {
      const context = await this.#context(signal);
      return this.#step(signal, () => this.#engine.count(filter, context));
    });
  }

  async *scroll(options?: ScrollOptions): AsyncGenerator<StoredRecord, void, undefined> {
    const known = optionsObject('options', options, ['filter', 'include', 'after', 'batchSize', 'signal']);
    const filter = filterArgument('options.filter', known.filter);
    const include = includeArgument(known);
    const size = optionalInteger('options.batchSize', known.batchSize, 1, 10_000) ?? DEFAULT_PAGE;
    let after = known.after === undefined ? undefined : recordId('options.after', known.after);
    this.#requireOpen();
    const context = await this.#context(optionalSignal('options.signal', known.signal));
    for (;;) {
      const request = { after, size, filter, include };
      const page = await this.#run(context.signal, () => this.#engine.page(request, context));
      yield* page;
      if (page.length < size) return;
      after = page[page.length - 1].id;
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<StoredRecord, void, undefined> {
    return this.scroll({ include: ['vector', 'document', 'metadata'] });
  }

  async drop(options?: { signal?: AbortSignal }): Promise<void> {
    const signal = signalOption(options);
    await this.#run(signal, () => this.#engine.drop(signal));
    this.#info = undefined;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #end(): Promise<void> {
    // What is under way may begin another request.
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    await this.#engine.close();
  }

  async #context(signal: AbortSignal | undefined): Promise<EngineContext> {
    this.#info ??= await this.#step(signal, () => this.#engine.describe(signal));
    if (this.#info === undefined) {
      throw new EmbedlaneError('ERR_NOT_FOUND', 'Expected a collection but there is none; see create');
    }
    return { info: this.#info, signal };
  }

  #requireOpen(): void {
    if (this.#closed !== undefined) throw new EmbedlaneError('ERR_CLOSED', 'The store is closed');
  }

  /** Runs a call that `close` waits for, however many requests it takes. */
  #whole<T>(call: () => Promise<T>): Promise<T> {
    this.#requireOpen();
    return this.#awaited(call());
  }

  /** Runs work of the engine that begins before the store is closed. */
  async #run<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    this.#requireOpen();
    return this.#step(signal, work);
  }

  /** Runs work of the engine: again while that may help, and not for longer than the signal says. */
  async #step<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    try {
      return await untilAborted(this.#awaited(retry(work, signal)), signal);
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  #awaited<T>(task: Promise<T>): Promise<T> {
    this.#running.add(task);
    const forget = () => this.#running.delete(task);
    task.then(forget, forget);
    return task;
  }
}

function signalOption(options: { signal?: AbortSignal } | undefined): AbortSignal | undefined {
  return optionalSignal('options.signal', optionsObject('options', options, ['signal']).signal);
}

function* parts(ids: readonly string[]): Generator<string[]> {
  const distinct = [...new Set(ids)];
  for (let start = 0; start < distinct.length; start += MAX_IDS) yield distinct.slice(start, start + MAX_IDS);
}

/** The promise's outcome, or `ERR_ABORTED` as soon as the signal fires. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
