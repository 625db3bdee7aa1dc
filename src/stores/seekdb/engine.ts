import type { RowDataPacket } from 'mysql2/promise';
import { EmbedlaneError } from '../../core/errors.js';
import { requireSame } from '../base/collection.js';
import type {
  EngineContext,
  EngineLimits,
  EngineSupport,
  Include,
  IndexSpec,
  PageRequest,
  PreparedRecord,
  StoreEngine,
  VectorRequest,
  WordsRequest,
} from '../base/engine.js';
import { bestHits } from '../base/ranking.js';
import type { FilterNode } from '../filter/expression.js';
import { translateFilter } from '../filter/translate.js';
import type { CollectionInfo, StoredRecord, StoreHit } from '../types.js';
import type { SeekdbClient } from './client.js';
import { SEEKDB_FILTER } from './filter.js';
import { decodeRow, distanceTo, scoreOf, selected, upsert } from './rows.js';
import { createTable, readNote, type SeekdbParser, type TableNote } from './schema.js';
import { join, raw, type Sql, sql } from './sql.js';

export interface SeekdbEngineOptions {
  readonly client: SeekdbClient;
  readonly collection: string;
  /** How documents are cut into words; undefined: not at all. */
  readonly parser: SeekdbParser | undefined;
}

/** Most hits of an approximate search. */
const MAX_HITS = 16_384;
const DEFAULT_EF_SEARCH = 64;
const DENSE_METRICS = ['cosine', 'dot', 'l2'] as const;

/** A table of seekdb or OceanBase. */
export class SeekdbEngine implements StoreEngine {
  readonly name = 'seekdb';
  readonly limits: EngineLimits = {
    dims: 16_000,
    // A batch is escaped at once, in some 10 ms.
    batchRecords: 500,
    // A packet has 16 MB, and in it every byte of a vector takes two.
    batchBytes: 7 * 2 ** 20,
    documentBytes: 4 * 2 ** 20,
    metadataBytes: 2 ** 20,
  };
  readonly supports: EngineSupport = {
    dtypes: { f32: DENSE_METRICS, sparse: ['dot'] },
    indexTypes: ['auto', 'flat', 'hnsw', 'hnsw_sq', 'ivf'],
  };
  readonly searchWords: StoreEngine['searchWords'];

  readonly #client: SeekdbClient;
  readonly #name: string;
  readonly #table: Sql;
  readonly #parser: SeekdbParser | undefined;
  #note: TableNote | undefined;

  constructor({ client, collection, parser }: SeekdbEngineOptions) {
    this.#client = client;
    this.#name = collection;
    this.#table = raw(`\`${collection}\``);
    this.#parser = parser;
    if (parser !== undefined) this.searchWords = (request, context) => this.#searchWords(request, context);
  }

  async describe(): Promise<CollectionInfo | undefined> {
    const statement = sql`SHOW TABLE STATUS WHERE Name = ${this.#name}`;
    const [row] = await this.#client.rows(`describe table '${this.#name}'`, statement);
    this.#note = row === undefined ? undefined : readNote(this.#name, row.Comment);
    if (this.#note === undefined) return undefined;
    const { dims, metric, dtype } = this.#note;
    return { dims, metric, dtype };
  }

  async create(info: CollectionInfo, index: IndexSpec): Promise<void> {
    const statement = createTable(this.#table, info, index, this.#parser);
    try {
      await this.#client.change(`create table '${this.#name}'`, statement);
    } catch (error) {
      // Another client, or an attempt whose answer was lost, has made it.
      const existing = await this.describe();
      if (existing === undefined) throw error;
      requireSame(existing, info);
    }
    await this.describe();
  }

  encode(records: readonly PreparedRecord[], { info }: EngineContext): Sql {
    return this.#client.written(upsert(this.#table, records, info));
  }

  async write(_records: readonly PreparedRecord[], _context: EngineContext, statement: Sql): Promise<void> {
    await this.#client.change(`store records in '${this.#name}'`, statement);
  }

  async search(request: VectorRequest, { info }: EngineContext): Promise<StoreHit[]> {
    const { k, include } = request;
    const toHits = (rows: readonly RowDataPacket[]) => {
      return rows.map((row) => ({ ...decodeRow(row, include, info), score: scoreOf(row.distance, info) }));
    };
    const statement = sql`SELECT ${selected(include, info)}, ${distanceTo(request.vector, info)} AS distance
      FROM ${this.#table} ${where(request.filter)}`;
    const task = `search '${this.#name}'`;
    if (request.exact || this.#note?.index === 'flat') {
      return toHits(await this.#client.rows(task, sql`${statement} ORDER BY distance, id LIMIT ${k}`));
    }
    return bestHits(info, k, MAX_HITS, async (limit) => {
      const isGraph = this.#note?.index === 'hnsw' || this.#note?.index === 'hnsw_sq';
      const ef = Math.max(request.efSearch ?? DEFAULT_EF_SEARCH, limit);
      const parameters = raw(isGraph ? ` PARAMETERS (ef_search = ${ef})` : '');
      const found = sql`${statement} ORDER BY distance APPROXIMATE LIMIT ${limit}${parameters}`;
      return toHits(await this.#approximate(task, found, request.probes));
    });
  }

  /** How many lists are read is a setting of the session. */
  #approximate(task: string, statement: Sql, probes: number | undefined): Promise<RowDataPacket[]> {
    if (probes === undefined || this.#note?.index !== 'ivf') return this.#client.rows(task, statement);
    return this.#client.withConnection(task, async (connection) => {
      await this.#client.change(task, sql`SET SESSION ob_ivf_nprobes = ${probes}`, connection);
      const rows = await this.#client.rows(task, statement, connection);
      await this.#client.change(task, sql`SET SESSION ob_ivf_nprobes = DEFAULT`, connection);
      return rows;
    });
  }

  async get(ids: readonly string[], include: Include, { info }: EngineContext): Promise<StoredRecord[]> {
    const rows = await this.#client.rows(
      `read records of '${this.#name}'`,
      sql`SELECT ${selected(include, info)} FROM ${this.#table} WHERE id IN ${idList(ids)}`,
    );
    return rows.map((row) => decodeRow(row, include, info));
  }

  delete(ids: readonly string[]): Promise<number> {
    const statement = sql`DELETE FROM ${this.#table} WHERE id IN ${idList(ids)}`;
    return this.#client.change(`delete records of '${this.#name}'`, statement);
  }

  deleteMatching(filter: FilterNode): Promise<number> {
    const statement = sql`DELETE FROM ${this.#table} ${where(filter)}`;
    return this.#client.change(`delete records of '${this.#name}'`, statement);
  }

  async count(filter: FilterNode | undefined): Promise<number> {
    const statement = sql`SELECT COUNT(*) AS n FROM ${this.#table} ${where(filter)}`;
    const [row] = await this.#client.rows(`count records of '${this.#name}'`, statement);
    return Number(row.n);
  }

  async page(
    { after, size, filter, include }: PageRequest,
    { info }: EngineContext,
  ): Promise<StoredRecord[]> {
    const next = after === undefined ? undefined : sql`id > ${Buffer.from(after)}`;
    const rows = await this.#client.rows(
      `read records of '${this.#name}'`,
      sql`SELECT ${selected(include, info)} FROM ${this.#table} ${where(filter, next)} ORDER BY id LIMIT ${size}`,
    );
    return rows.map((row) => decodeRow(row, include, info));
  }

  async drop(): Promise<void> {
    await this.#client.change(`drop table '${this.#name}'`, sql`DROP TABLE IF EXISTS ${this.#table}`);
    this.#note = undefined;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #searchWords(request: WordsRequest, { info }: EngineContext): Promise<StoredRecord[]> {
    if (!this.#note?.fullText) {
      throw new EmbedlaneError(
        'ERR_CONFLICT',
        'Expected a table made with fullText for options.hybrid but received one without; drop it first',
      );
    }
    const { words, k, filter, include } = request;
    const matches = sql`MATCH (document) AGAINST (${words} IN NATURAL LANGUAGE MODE)`;
    const rows = await this.#client.rows(
      `search the words of '${this.#name}'`,
      sql`SELECT ${selected(include, info)}, ${matches} AS relevance FROM ${this.#table}
        ${where(filter, matches)} ORDER BY relevance DESC, id LIMIT ${k}`,
    );
    return rows.map((row) => decodeRow(row, include, info));
  }
}

function where(filter: FilterNode | undefined, condition?: Sql): Sql {
  const conditions = [
    ...(condition === undefined ? [] : [condition]),
    ...(filter === undefined ? [] : [translateFilter(filter, SEEKDB_FILTER)]),
  ];
  return conditions.length === 0 ? raw('') : sql`WHERE ${join(conditions, ' AND ')}`;
}

function idList(ids: readonly string[]): Sql {
  return sql`(${join(
    ids.map((id) => sql`${Buffer.from(id)}`),
    ', ',
  )})`;
}
