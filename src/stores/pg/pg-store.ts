import { retry } from '../../core/retry.js';
import { integer, oneOf, optionalBoolean, optionsObject } from '../../core/validate.js';
import { CollectionStore } from '../base/store.js';
import { booleanParameter, numberParameter, serverUrl } from '../base/url.js';
import type { StoreOptions } from '../types.js';
import { PgConnection } from './connection.js';
import { PgEngine, requirePgVector } from './engine.js';

export interface PgVectorStoreOptions extends StoreOptions {
  /** Most connections at a time, 1 to 1,000. @default 4 */
  connections?: number;
  /** Milliseconds to wait for a connection. @default 10000 */
  connectTimeout?: number;
  /** Milliseconds for one statement. @default 60_000 */
  timeout?: number;
  /**
   * How records go in: `'copy'` is `COPY` in binary format, the fastest way there is; `'insert'` is for servers and
   * proxies that do not speak it.
   *
   * @default 'copy'
   */
  bulk?: 'copy' | 'insert';
  /** Lets `create` add a GIN index over the documents' words, for hybrid searches. @default false */
  fullTextIndex?: boolean;
  /** Lets `create` add a GIN index over the metadata, for selective filters. @default false */
  metadataIndex?: boolean;
}

const PARAMETERS = [
  'sslmode',
  'application_name',
  'bulk',
  'connections',
  'connectTimeout',
  'timeout',
  'fullTextIndex',
  'metadataIndex',
];
const DEFAULT_TIMEOUT = 60_000;
const LONGEST = 2 ** 31 - 1;
const SSL_MODES = ['disable', 'require', 'verify-full'] as const;

/**
 * A collection in PostgreSQL with pgvector 0.8 or later: a table with the columns `id`, `vector`, `document` and
 * `metadata`. Needs the packages `pg` and `pg-copy-streams`.
 *
 * @example
 * await using store = await PgVectorStore.open('postgres://user:password@localhost/app/notes');
 * await store.create({ dims: 384, index: { type: 'hnsw', m: 16, efConstruction: 64 } });
 */
export class PgVectorStore extends CollectionStore {
  /**
   * @param url `postgres://user:password@host:port/database/collection`, with the parameters `sslmode` ('disable',
   * 'require', 'verify-full'), `application_name`, and the options by their names
   * @throws {EmbedlaneError} `ERR_REMOTE` if the server cannot be reached or refuses the user, `ERR_VERSION` without
   * pgvector 0.8
   */
  static async open(url: string | URL, options?: PgVectorStoreOptions): Promise<PgVectorStore> {
    const parsed = serverUrl('url', url, ['postgres', 'postgresql'], PARAMETERS);
    const { host, port, user, password, database, collection, parameters } = parsed;
    const known = optionsObject('options', options, [
      'embedder',
      'connections',
      'connectTimeout',
      'timeout',
      'bulk',
      'fullTextIndex',
      'metadataIndex',
    ]);
    const connections = known.connections ?? numberParameter(parsed, 'connections') ?? 4;
    const max = integer('options.connections', connections, 1, 1000);
    const milliseconds = (name: 'connectTimeout' | 'timeout', fallback: number) =>
      integer(`options.${name}`, known[name] ?? numberParameter(parsed, name) ?? fallback, 1, LONGEST);
    const isIndexed = (name: 'fullTextIndex' | 'metadataIndex') =>
      optionalBoolean(`options.${name}`, known[name]) ?? booleanParameter(parsed, name) ?? false;
    const bulk = oneOf('options.bulk', known.bulk ?? parameters.bulk ?? 'copy', ['copy', 'insert']);
    const sslmode = oneOf('sslmode of url', parameters.sslmode ?? 'disable', SSL_MODES);
    const engineOptions = {
      collection,
      copy: bulk === 'copy',
      fullTextIndex: isIndexed('fullTextIndex'),
      metadataIndex: isIndexed('metadataIndex'),
    };
    const connection = await PgConnection.open({
      host,
      port: port ?? 5432,
      user,
      password,
      database,
      max,
      connectionTimeoutMillis: milliseconds('connectTimeout', 10_000),
      // Not the server's `statement_timeout`: poolers refuse parameters of a session that they do not know.
      query_timeout: milliseconds('timeout', DEFAULT_TIMEOUT),
      application_name: parameters.application_name ?? 'embedlane',
      // libpq's 'require' encrypts and does not look at the certificate.
      ssl: sslmode === 'disable' ? false : { rejectUnauthorized: sslmode === 'verify-full' },
    });
    try {
      await retry(() => requirePgVector(connection), undefined);
      return new PgVectorStore(new PgEngine(connection, engineOptions), { embedder: known.embedder });
    } catch (error) {
      await connection.close();
      throw error;
    }
  }
}
