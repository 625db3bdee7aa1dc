import { Embeddings, type MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { FlatIndex, RowsLike } from '../../index/index.js';
import type {
  EngineContext,
  EngineSupport,
  Include,
  IndexSpec,
  PageRequest,
  PreparedRecord,
  StoreEngine,
  VectorRequest,
  WordsRequest,
} from '../base/engine.js';
import { packSigns } from '../base/vectors.js';
import { compareCodePoints } from '../filter/evaluate.js';
import type { FilterNode } from '../filter/expression.js';
import type { CollectionInfo, StoredRecord, StoreHit, StoreVector } from '../types.js';
import type { FoundRow } from './database.js';
import { removeStore } from './folder.js';
import { OpenedCollection } from './opened.js';

const FLOAT_METRICS = ['cosine', 'dot', 'l2'] as const;
/** Removed rows that the index keeps before it is tidied, unless it has more that count. */
const MIN_REMOVED = 4096;

/** How often a search looks because records got other rows meanwhile: somebody may be writing all the time. */
const ATTEMPTS = 4;

/** The embedded engine: a `FlatIndex` and SQLite in one folder, changed by one process at a time. */
export class LocalEngine implements StoreEngine {
  readonly name = 'the local store';
  readonly limits = {
    dims: 65_536,
    batchRecords: 2000,
    batchBytes: 32 * 2 ** 20,
    documentBytes: 16 * 2 ** 20,
    metadataBytes: 2 ** 20,
  };
  readonly supports: EngineSupport = {
    dtypes: {
      f32: FLOAT_METRICS,
      f16: FLOAT_METRICS,
      bf16: FLOAT_METRICS,
      i8: FLOAT_METRICS,
      b1: ['hamming'],
    },
    indexTypes: ['auto', 'flat'],
  };
  readonly #folder: string;
  readonly #readOnly: boolean;
  #opened: OpenedCollection | undefined;
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(folder: string, readOnly: boolean) {
    this.#folder = folder;
    this.#readOnly = readOnly;
  }

  async describe(): Promise<CollectionInfo | undefined> {
    return this.#inTurn(async () => {
      this.#opened ??= await OpenedCollection.open(this.#folder, this.#readOnly);
      return this.#opened?.info;
    });
  }

  async create(info: CollectionInfo, _index: IndexSpec): Promise<void> {
    await this.#change(async () => {
      this.#opened ??= await OpenedCollection.create(this.#folder, info);
    });
  }

  async write(records: readonly PreparedRecord[], { info }: EngineContext): Promise<void> {
    await this.#changeRows(async (opened, index) => {
      const first = index.stats().nextId;
      index.add(matrix(records, info));
      const rows = records.map(({ id, document, metadata }, i) => ({
        row: first + i,
        id,
        document,
        metadata,
      }));
      let replaced: number[];
      try {
        await index.flush();
        replaced = await opened.change((database) => database.call('write', rows));
      } catch (error) {
        await dropUnnamed(
          opened,
          index,
          rows.map(({ row }) => row),
        );
        throw error;
      }
      index.remove(replaced);
      await tidy(opened, index);
    });
  }

  async search(request: VectorRequest, context: EngineContext): Promise<StoreHit[]> {
    for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
      const { hits, isBehind } = await this.#look(request, context);
      if (!isBehind) return hits;
    }
    // Nothing is changed in its turn, unless it is by another process.
    return (await this.#inTurn(() => this.#look(request, context))).hits;
  }

  async #look(request: VectorRequest, context: EngineContext): Promise<Pick<Searched, 'hits' | 'isBehind'>> {
    const opened = this.#collection();
    for (let k = request.k; ; ) {
      const { hits, missing, isFull, isBehind } = await opened.use((index) =>
        searchOnce(opened, index, { ...request, k }, context),
      );
      if (!isFull || missing === 0) {
        return { hits: hits.sort(equalScoresById).slice(0, request.k), isBehind };
      }
      k += missing;
    }
  }

  async searchWords(request: WordsRequest, { info }: EngineContext): Promise<StoredRecord[]> {
    return this.#read(info, request.include, (database) => database.call('matchWords', request));
  }

  async get(ids: readonly string[], include: Include, { info }: EngineContext): Promise<StoredRecord[]> {
    return this.#read(info, include, (database) => database.call('byIds', ids, include));
  }

  async page(request: PageRequest, { info }: EngineContext): Promise<StoredRecord[]> {
    return this.#read(info, request.include, (database) => database.call('page', request));
  }

  async delete(ids: readonly string[]): Promise<number> {
    return this.#remove(ids);
  }

  async deleteMatching(filter: FilterNode): Promise<number> {
    return this.#remove(filter);
  }

  async count(filter: FilterNode | undefined): Promise<number> {
    return this.#collection().database.call('count', filter);
  }

  async drop(): Promise<void> {
    await this.#change(async () => {
      await this.#opened?.close();
      this.#opened = undefined;
      await removeStore(this.#folder);
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      const opened = this.#opened;
      this.#opened = undefined;
      await opened?.close();
    });
  }

  #collection(): OpenedCollection {
    if (this.#opened) return this.#opened;
    throw new EmbedlaneError('ERR_NOT_FOUND', `Expected a collection in ${this.#folder} but there is none`);
  }

  async #remove(what: readonly string[] | FilterNode): Promise<number> {
    return this.#changeRows(async (opened, index) => {
      const rows = await opened.change((database) => database.call('delete', what));
      index.remove(rows);
      await tidy(opened, index);
      return rows.length;
    });
  }

  /** Reads records, and again if some of them are replaced before their vectors are read. */
  async #read(
    info: CollectionInfo,
    include: Include,
    read: (database: OpenedCollection['database']) => Promise<FoundRow[]>,
  ): Promise<StoredRecord[]> {
    for (;;) {
      const opened = this.#collection();
      const found = await read(opened.database);
      if (!include.vector) return found.map(({ row: _, ...record }) => record);
      const records = await opened.use(async (index) =>
        found.every(({ row }) => index.has(row))
          ? found.map((record) => withVector(record, include, index, info))
          : undefined,
      );
      if (records !== undefined) return records;
    }
  }

  #changeRows<T>(work: (opened: OpenedCollection, index: FlatIndex) => Promise<T>): Promise<T> {
    return this.#change(async () => {
      const opened = this.#collection();
      return opened.use((index) => work(opened, index));
    });
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    if (this.#readOnly) {
      throw new EmbedlaneError(
        'ERR_READ_ONLY',
        'Expected a store that may be changed but it is opened readOnly',
      );
    }
    return this.#inTurn(work);
  }

  /** One change at a time: the index and the database have to stay in step. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#lastChange.then(work);
    this.#lastChange = turn.catch(() => {});
    return turn;
  }
}

/** What one look at the index has found. */
interface Searched {
  hits: StoreHit[];
  /** Whether it has found as many rows as it looked for. */
  isFull: boolean;
  /** Rows that are being written, or have just been deleted: no records. */
  missing: number;
  /** Whether it may have missed records, because they have got other rows since. */
  isBehind: boolean;
}

async function searchOnce(
  opened: OpenedCollection,
  index: FlatIndex,
  { vector, k, filter, include }: VectorRequest,
  { info, signal }: EngineContext,
): Promise<Searched> {
  const query = rowsLike(vector as Float32Array | Uint8Array, 1, info);
  const { changes } = opened;
  const allowed = filter && (await opened.match(filter));
  const found = (await index.search(query, { k, filter: allowed, signal })).get(0);
  const rows = found.map(({ id }) => id as number);
  const records = await opened.records(rows, include);
  const hits: StoreHit[] = [];
  // Records come in the order of their rows.
  for (const { id, score } of found) {
    const record = records[hits.length];
    if (record?.row !== id) continue;
    hits.push(Object.assign(withVector(record, include, index, info), { score }));
  }
  const missing = found.length - records.length;
  const isFull = found.length === k;
  const isUnsure = !isFull && (missing > 0 || allowed !== undefined);
  const isBehind = isUnsure && (await opened.isBehind(index, changes));
  return { hits, isFull, missing, isBehind };
}

function withVector(
  { row, ...record }: FoundRow,
  include: Include,
  index: FlatIndex,
  info: CollectionInfo,
): StoredRecord {
  const values = include.vector ? index.get(row) : undefined;
  return values === undefined ? record : { ...record, vector: stored(values, info) };
}

/** Vectors of one collection as rows of its index. */
function matrix(records: readonly { vector: StoreVector }[], info: CollectionInfo): RowsLike {
  const { dims, dtype } = info;
  const width = dtype === 'b1' ? Math.ceil(dims / 8) : dims;
  const data = new (dtype === 'b1' ? Uint8Array : Float32Array)(records.length * width);
  records.forEach(({ vector }, i) => {
    data.set(vector as Float32Array | Uint8Array, i * width);
  });
  return rowsLike(data, records.length, info);
}

function rowsLike(data: Float32Array | Uint8Array, rows: number, { dims, dtype }: CollectionInfo): RowsLike {
  if (dtype === 'b1') return new Embeddings(data as Uint8Array, rows, dims, 'ubinary');
  return { data: data as Float32Array, rows, dims } satisfies MatrixLike;
}

function stored(values: Float32Array, { dtype }: CollectionInfo): StoreVector {
  return dtype === 'b1' ? packSigns(values) : values;
}

/**
 * Takes rows from the index that the database does not name, after a change of which nobody knows how far it came. If the
 * database does not say, they stay: those that it does not name are dropped when the store is next opened, but without
 * one that it names the store would be damaged.
 */
async function dropUnnamed(
  { database }: OpenedCollection,
  index: FlatIndex,
  rows: readonly number[],
): Promise<void> {
  const nothing = { document: false, metadata: false, vector: false };
  const records = await database.call('byRows', rows, nothing).catch(() => undefined);
  if (records === undefined) return;
  const named = new Set(records.map(({ row }) => row));
  index.remove(rows.filter((row) => !named.has(row)));
}

async function tidy({ database }: OpenedCollection, index: FlatIndex): Promise<void> {
  const { rows, removed } = index.stats();
  if (removed <= Math.max(rows, MIN_REMOVED)) return;
  await index.compact();
  await database.call('tidy');
}

function equalScoresById(a: StoreHit, b: StoreHit): number {
  // Hits are in the order of their scores; a stable sort keeps that.
  return a.score === b.score ? compareCodePoints(a.id, b.id) : 0;
}
