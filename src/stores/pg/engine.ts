import { EmbedlaneError } from '../../core/errors.js';
import { Transient } from '../../core/retry.js';
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
import { compareCodePoints } from '../filter/evaluate.js';
import type { FilterNode } from '../filter/expression.js';
import type { CollectionInfo, Metadata, StoredRecord, StoreHit } from '../types.js';
import { type PgConnection, type PgSession, pgCode, type Rows } from './connection.js';
import { copyBinary } from './copy-binary.js';
import { pgCondition } from './filter.js';
import { createTable, describeTable, quoted, type TableOptions, WORDS } from './schema.js';
import { PG_DISTANCES, pgType } from './types.js';

const FLOAT_METRICS = ['cosine', 'dot', 'l2'] as const;
const COLUMNS = '(id, vector, document, metadata)';
const REPLACE = `ON CONFLICT (id) DO UPDATE SET
  vector = excluded.vector, document = excluded.document, metadata = excluded.metadata`;
/** Largest `hnsw.ef_search`. */
const MAX_EF_SEARCH = 1000;
/** pgvector's own. */
const DEFAULT_EF_SEARCH = 40;
const UNIQUE_VIOLATION = '23505';

export interface PgEngineOptions extends TableOptions {
  readonly collection: string;
  /** Whether records go in by binary `COPY`; otherwise by `INSERT`. */
  readonly copy: boolean;
}

/** PostgreSQL with pgvector: one table per collection. */
export class PgEngine implements StoreEngine {
  readonly name = 'PostgreSQL with pgvector';
  readonly limits = {
    dims: 16_000,
    batchRecords: 5000,
    batchBytes: 16 * 2 ** 20,
    documentBytes: 16 * 2 ** 20,
    metadataBytes: 2 ** 20,
  };
  readonly supports: EngineSupport = {
    dtypes: { f32: FLOAT_METRICS, f16: FLOAT_METRICS, b1: ['hamming'], sparse: ['dot'] },
    indexTypes: ['auto', 'flat', 'hnsw', 'ivf'],
  };
  readonly #connection: PgConnection;
  readonly #options: PgEngineOptions;
  readonly #table: string;
  /** Until a record turns out to be there already, batches are copied straight into the table. */
  #isNew = true;
  /** What the server has read: memory that has never been touched takes as long to write to as the rest of a record. */
  #spare: Buffer | undefined;

  constructor(connection: PgConnection, options: PgEngineOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#table = quoted(options.collection);
  }

  describe(): Promise<CollectionInfo | undefined> {
    const { collection } = this.#options;
    return this.#connection.session(this.#task('describe'), (session) => describeTable(session, collection));
  }

  create(info: CollectionInfo, index: IndexSpec): Promise<void> {
    return createTable(this.#connection, this.#options.collection, info, index, this.#options);
  }

  encode(records: readonly PreparedRecord[], { info }: EngineContext): Promise<Buffer> | undefined {
    if (!this.#options.copy) return undefined;
    const spare = this.#spare;
    this.#spare = undefined;
    return copyBinary(records, info, spare && Buffer.from(spare.buffer));
  }

  async write(
    records: readonly PreparedRecord[],
    { info }: EngineContext,
    bytes: Buffer | undefined,
  ): Promise<void> {
    if (bytes === undefined) return this.#insert(records, info);
    if (this.#isNew) {
      try {
        await this.#connection.session(this.#task('store records in'), (session) =>
          session.copy(copyInto(this.#table), bytes),
        );
        this.#spare = bytes;
        return;
      } catch (error) {
        const failure = error instanceof Transient ? error.failure : error;
        if (pgCode(failure) !== UNIQUE_VIOLATION) throw error;
        this.#isNew = false;
      }
    }
    await this.#connection.transaction(this.#task('store records in'), async (session) => {
      await session.query(`CREATE TEMP TABLE embedlane_batch (LIKE ${this.#table}) ON COMMIT DROP`);
      await session.copy(copyInto('embedlane_batch'), bytes);
      await session.query(
        `INSERT INTO ${this.#table} ${COLUMNS} SELECT * FROM embedlane_batch ORDER BY id ${REPLACE}`,
      );
    });
    this.#spare = bytes;
  }

  async #insert(records: readonly PreparedRecord[], info: CollectionInfo): Promise<void> {
    const type = pgType(info);
    await this.#connection.query(
      this.#task('store records in'),
      `INSERT INTO ${this.#table} ${COLUMNS}
       SELECT id, vector::${type.sql(info.dims)}, document, metadata::jsonb
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS batch ${COLUMNS} ORDER BY id ${REPLACE}`,
      [
        records.map(({ id }) => id),
        records.map(({ vector }) => type.toText(vector, info.dims)),
        records.map(({ document }) => document ?? null),
        records.map(({ metadataJson }) => metadataJson),
      ],
    );
  }

  async search(request: VectorRequest, { info }: EngineContext): Promise<StoreHit[]> {
    const type = pgType(info);
    const { operator, score } = PG_DISTANCES[info.metric];
    const values: unknown[] = [type.toText(request.vector, info.dims), request.k];
    const condition = pgCondition(request.filter, values);
    const distance = `vector ${operator} $1::${type.sql(info.dims)}`;
    // An index gives rows in the order of its distances alone; exact answers are ordered by id as well.
    const order = request.exact ? 'distance, id' : 'distance';
    const sql = `SELECT ${columns(request.include)}, ${distance} AS distance FROM ${this.#table}
      WHERE ${condition} ORDER BY ${order} LIMIT $2`;
    const { rows } = await this.#connection.transaction(this.#task('search'), async (session) => {
      await searchSettings(session, request);
      return session.query(sql, values);
    });
    const hits = rows.map((row) => ({
      ...toRecord(row, request.include, info),
      score: score(Number(row.distance)),
    }));
    // Hits are in the order of their scores; a stable sort keeps that.
    return hits.sort((a, b) => (a.score === b.score ? compareCodePoints(a.id, b.id) : 0));
  }

  async searchWords(request: WordsRequest, { info }: EngineContext): Promise<StoredRecord[]> {
    const values: unknown[] = [request.words, request.k];
    const condition = pgCondition(request.filter, values);
    const { rows } = await this.#connection.query(
      this.#task('search'),
      `WITH asked AS (
         SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery AS words
         FROM unnest(to_tsvector('simple', $1)))
       SELECT ${columns(request.include)} FROM ${this.#table}, asked
       WHERE ${WORDS} @@ asked.words AND ${condition}
       ORDER BY ts_rank_cd(${WORDS}, asked.words) DESC, id LIMIT $2`,
      values,
    );
    return rows.map((row) => toRecord(row, request.include, info));
  }

  async get(ids: readonly string[], include: Include, { info }: EngineContext): Promise<StoredRecord[]> {
    const sql = `SELECT ${columns(include)} FROM ${this.#table} WHERE id = ANY ($1::text[])`;
    const { rows } = await this.#connection.query(this.#task('read records of'), sql, [ids]);
    return rows.map((row) => toRecord(row, include, info));
  }

  async delete(ids: readonly string[]): Promise<number> {
    const sql = `DELETE FROM ${this.#table} WHERE id = ANY ($1::text[])`;
    return (await this.#connection.query(this.#task('delete records of'), sql, [ids])).rowCount;
  }

  async deleteMatching(filter: FilterNode): Promise<number> {
    const values: unknown[] = [];
    const sql = `DELETE FROM ${this.#table} WHERE ${pgCondition(filter, values)}`;
    return (await this.#connection.query(this.#task('delete records of'), sql, values)).rowCount;
  }

  async count(filter: FilterNode | undefined): Promise<number> {
    const values: unknown[] = [];
    const sql = `SELECT count(*) AS count FROM ${this.#table} WHERE ${pgCondition(filter, values)}`;
    const { rows } = await this.#connection.query(this.#task('count records of'), sql, values);
    return Number(rows[0].count);
  }

  async page(
    { after, size, filter, include }: PageRequest,
    { info }: EngineContext,
  ): Promise<StoredRecord[]> {
    const values: unknown[] = [after ?? '', size];
    const condition = pgCondition(filter, values);
    const { rows } = await this.#connection.query(
      this.#task('read records of'),
      `SELECT ${columns(include)} FROM ${this.#table} WHERE id > $1 AND ${condition} ORDER BY id LIMIT $2`,
      values,
    );
    return rows.map((row) => toRecord(row, include, info));
  }

  async drop(): Promise<void> {
    if ((await this.describe()) === undefined) return;
    await this.#connection.query(this.#task('drop'), `DROP TABLE IF EXISTS ${this.#table}`);
    this.#isNew = true;
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  /** What is done, for an error. */
  #task(verb: string): string {
    return `${verb} table ${this.#table}`;
  }
}

const copyInto = (table: string) => `COPY ${table} ${COLUMNS} FROM STDIN WITH (FORMAT binary)`;

function columns({ vector, document, metadata }: Include): string {
  return ['id', vector && 'vector::text', document && 'document', metadata && 'metadata']
    .filter((column) => column !== false)
    .join(', ');
}

function toRecord(row: Rows[number], include: Include, info: CollectionInfo): StoredRecord {
  const record: StoredRecord = { id: row.id as string };
  if (include.vector) record.vector = pgType(info).fromText(row.vector as string, info.dims);
  if (include.document && row.document !== null) record.document = row.document as string;
  if (include.metadata) record.metadata = row.metadata as Metadata;
  return record;
}

/** Settings of pgvector's indexes for one transaction. */
async function searchSettings(session: PgSession, request: VectorRequest): Promise<void> {
  const settings: Record<string, string> = {};
  if (request.exact) {
    settings.enable_indexscan = 'off';
  } else {
    const efSearch = Math.max(request.efSearch ?? DEFAULT_EF_SEARCH, request.k);
    settings['hnsw.ef_search'] = String(Math.min(efSearch, MAX_EF_SEARCH));
    // Goes on until k records have passed the filter, as a search without an index would.
    settings['hnsw.iterative_scan'] = 'strict_order';
    settings['ivfflat.iterative_scan'] = 'relaxed_order';
    if (request.probes !== undefined) settings['ivfflat.probes'] = String(request.probes);
  }
  const values = Object.entries(settings).flat();
  const calls = Object.keys(settings).map((_, i) => `set_config($${2 * i + 1}, $${2 * i + 2}, true)`);
  await session.query(`SELECT ${calls.join(', ')}`, values);
}

/** @throws {EmbedlaneError} `ERR_VERSION` */
export async function requirePgVector(connection: PgConnection): Promise<void> {
  const { rows } = await connection.query(
    'tell the version of pgvector',
    `SELECT default_version AS version FROM pg_available_extensions WHERE name = 'vector'`,
  );
  const version = (rows[0]?.version as string | undefined) ?? 'none';
  const [major, minor] = version.split('.').map(Number);
  if (major > 0 || minor >= 8) return;
  throw new EmbedlaneError(
    'ERR_VERSION',
    `Expected pgvector 0.8 or later on the server but received ${version}`,
  );
}
