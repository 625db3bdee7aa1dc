import { EmbedlaneError } from '../../core/errors.js';
import type { IndexSpec } from '../base/engine.js';
import type { CollectionInfo } from '../types.js';
import type { PgConnection, PgSession } from './connection.js';
import { PG_DISTANCES, pgType } from './types.js';

/** First words of the comment that marks a table as a collection. */
const MARK = 'embedlane collection ';

/** Names of collections are checked, so that quotes are all that they need. */
export const quoted = (collection: string) => `"${collection}"`;

/** What a collection's table is, or undefined if there is none. */
export async function describeTable(
  session: PgSession,
  collection: string,
): Promise<CollectionInfo | undefined> {
  const { rows } = await session.query(
    `SELECT to_regclass($1) IS NOT NULL AS found, obj_description(to_regclass($1), 'pg_class') AS comment`,
    [quoted(collection)],
  );
  const [{ found, comment }] = rows as { found: boolean; comment: string | null }[];
  if (!found) return undefined;
  if (comment?.startsWith(MARK)) return JSON.parse(comment.slice(MARK.length)) as CollectionInfo;
  throw new EmbedlaneError(
    'ERR_CONFLICT',
    `Expected a collection of embedlane in the table ${quoted(collection)} but it is something else`,
  );
}

export interface TableOptions {
  /** A GIN index over the documents' words. */
  fullTextIndex: boolean;
  /** A GIN index over the metadata. */
  metadataIndex: boolean;
}

export async function createTable(
  connection: PgConnection,
  collection: string,
  info: CollectionInfo,
  index: IndexSpec,
  options: TableOptions,
): Promise<void> {
  const table = quoted(collection);
  await connection.transaction(`create table ${table}`, async (session) => {
    // Two who make the same collection at once: the second finds what the first has made.
    await session.query('SELECT pg_advisory_xact_lock(hashtext($1))', ['embedlane']);
    const { rows } = await session.query(`SELECT 1 FROM pg_extension WHERE extname = 'vector'`);
    if (rows.length === 0) await session.query('CREATE EXTENSION vector');
    if ((await describeTable(session, collection)) !== undefined) return;
    await session.query(`CREATE TABLE ${table} (
      id text COLLATE "C" PRIMARY KEY,
      vector ${pgType(info).sql(info.dims)} NOT NULL,
      document text,
      metadata jsonb NOT NULL)`);
    const comment = (MARK + JSON.stringify(info)).replaceAll("'", "''");
    await session.query(`COMMENT ON TABLE ${table} IS '${comment}'`);
    const vectorIndex = indexMethod(info, index);
    if (vectorIndex !== undefined) await session.query(`CREATE INDEX ON ${table} ${vectorIndex}`);
    if (options.fullTextIndex) await session.query(`CREATE INDEX ON ${table} USING gin (${WORDS})`);
    if (options.metadataIndex)
      await session.query(`CREATE INDEX ON ${table} USING gin (metadata jsonb_path_ops)`);
  });
}

/** The words of a document: lower case, no stemming, so that they mean the same in every language. */
export const WORDS = `to_tsvector('simple', coalesce(document, ''))`;

function indexMethod(
  info: CollectionInfo,
  { type, m, efConstruction, lists }: IndexSpec,
): string | undefined {
  const { family, indexedDims } = pgType(info);
  if (type === 'flat' || (type === 'auto' && info.dims > indexedDims)) return undefined;
  if (info.dims > indexedDims) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected options.index.type 'flat', because pgvector's indexes take at most ${indexedDims} dimensions of ${family}, but received '${type}'`,
    );
  }
  const column = `(vector ${family}_${PG_DISTANCES[info.metric].opclass})`;
  const settings =
    type === 'ivf' ? { lists: lists ?? 100 } : { m: m ?? 16, ef_construction: efConstruction ?? 64 };
  const list = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return `USING ${type === 'ivf' ? 'ivfflat' : 'hnsw'} ${column} WITH (${list.join(', ')})`;
}
