import { retry } from '../../core/retry.js';
import {
  oneOf,
  optionalBoolean,
  optionalInteger,
  optionalString,
  optionsObject,
} from '../../core/validate.js';
import { CollectionStore } from '../base/store.js';
import { booleanParameter, numberParameter, serverUrl } from '../base/url.js';
import type { StoreOptions } from '../types.js';
import { aiEmbedder } from './ai-embedder.js';
import { SeekdbClient } from './client.js';
import { SeekdbEngine } from './engine.js';
import { PARSERS, type SeekdbParser } from './schema.js';
import { sql } from './sql.js';

export interface SeekdbStoreOptions extends StoreOptions {
  /**
   * Indexes the words of documents for hybrid searches, cut by one of seekdb's parsers: at spaces, into groups of
   * characters, as English, or as Chinese and English.
   *
   * @default false
   */
  fullText?: false | SeekdbParser;
  /**
   * Key of a model that the database knows (`DBMS_AI_SERVICE.CREATE_AI_MODEL`): texts are embedded by `AI_EMBED`, and
   * no `embedder` is needed.
   */
  aiModel?: string;
  /** Encrypts the connection. @default false */
  tls?: boolean;
  /** Most connections at a time. @default 4 */
  connections?: number;
  /** Milliseconds for one statement. @default 60_000 */
  timeout?: number;
}

const SCHEMES = ['seekdb', 'oceanbase'];
const PARAMETERS = ['fullText', 'aiModel', 'tls', 'connections', 'timeout'];
const DEFAULT_PORT = 2881;
const DEFAULT_TIMEOUT = 60_000;
const DEFAULT_CONNECTIONS = 4;

/**
 * A table of seekdb or OceanBase (4.3.5 or newer), through `mysql2`, which has to be installed.
 *
 * @example
 * const store = await SeekdbStore.open('seekdb://root@localhost:2881/test/notes', { embedder: model, fullText: 'ik' });
 * await store.create({ dims: 384, index: { type: 'hnsw' } });
 * await store.upsert([{ id: 'a', text: 'Cats sleep most of the day.', metadata: { lang: 'en' } }]);
 * await store.search('Which animal naps a lot?', { k: 3, hybrid: true, filter: { field: 'lang', eq: 'en' } });
 */
export class SeekdbStore extends CollectionStore {
  /**
   * Connects to a server.
   *
   * @param url `seekdb://user:password@host:2881/database/table`; without a user `root`, without a database `test`;
   * with the parameters `fullText` (a parser), `aiModel`, `tls`, `connections` and `timeout`
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_NOT_FOUND` without mysql2; `ERR_REMOTE` without a server, or if
   * it refuses the credentials
   */
  static async open(url: string | URL, options?: SeekdbStoreOptions): Promise<SeekdbStore> {
    const parsed = serverUrl('url', url, SCHEMES, PARAMETERS);
    const { host, port, user, password, database, collection, parameters } = parsed;
    const known = optionsObject('options', options, [
      'embedder',
      'fullText',
      'aiModel',
      'tls',
      'connections',
      'timeout',
    ]);
    const words = known.fullText ?? parameters.fullText;
    const parser = words ? oneOf('options.fullText', words, PARSERS) : undefined;
    const aiModel = optionalString('options.aiModel', known.aiModel ?? parameters.aiModel);
    const tls = optionalBoolean('options.tls', known.tls) ?? booleanParameter(parsed, 'tls') ?? false;
    const connections = optionalInteger(
      'options.connections',
      known.connections ?? numberParameter(parsed, 'connections'),
      1,
      1000,
    );
    const timeout = optionalInteger(
      'options.timeout',
      known.timeout ?? numberParameter(parsed, 'timeout'),
      1,
      2 ** 31 - 1,
    );
    const client = await SeekdbClient.create({
      host,
      port: port ?? DEFAULT_PORT,
      user: user ?? 'root',
      password,
      database: database ?? 'test',
      tls,
      connections: connections ?? DEFAULT_CONNECTIONS,
      timeout: timeout ?? DEFAULT_TIMEOUT,
    });
    const engine = new SeekdbEngine({ client, collection, parser });
    const embedder = known.embedder ?? (aiModel === undefined ? undefined : aiEmbedder(client, aiModel));
    const store = new SeekdbStore(engine, { embedder });
    try {
      await retry(() => client.rows(`answer at ${host}`, sql`SELECT 1`), undefined);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  private constructor(engine: SeekdbEngine, options: StoreOptions) {
    super(engine, options);
  }
}
