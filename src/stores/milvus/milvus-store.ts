import { invalidArgument } from '../../core/errors.js';
import { integer, oneOf, optionalBoolean, optionalString, optionsObject } from '../../core/validate.js';
import { CollectionStore } from '../base/store.js';
import { booleanParameter, numberParameter, serverUrl } from '../base/url.js';
import type { StoreOptions } from '../types.js';
import { connect } from './client.js';
import { CONSISTENCY_LEVELS, type MilvusConsistency } from './consistency.js';
import { MilvusEngine } from './engine.js';

export interface MilvusStoreOptions extends StoreOptions {
  /** API key of Zilliz Cloud, or `user:password`; instead of user and password in the URL. */
  token?: string;
  /**
   * What reads see of earlier writes: everything, those of the same client, those until some seconds ago, or what
   * happens to be there.
   *
   * @default 'strong'
   */
  consistency?: MilvusConsistency;
  /** Works on one partition of the collection only, which `create` makes and `drop` removes. */
  partition?: string;
  /** Indexes the words of documents (BM25) for hybrid searches: Milvus 2.5 or newer. @default false */
  fullText?: boolean;
  /** Milliseconds for one request. @default 60_000 */
  timeout?: number;
}

const SCHEMES = ['milvus', 'milvuss'];
const PARAMETERS = ['consistency', 'partition', 'fullText', 'timeout'];
const DEFAULT_PORT = 19_530;
const DEFAULT_TIMEOUT = 60_000;
const PARTITION = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

/**
 * A collection of Milvus, Milvus Lite (`milvus-lite server`) or Zilliz Cloud, through the official SDK
 * `@zilliz/milvus2-sdk-node`, which has to be installed.
 *
 * @example
 * const store = await MilvusStore.open('milvus://localhost:19530/notes', { embedder: model });
 * await store.create({ dims: 384, index: { type: 'hnsw' } });
 * await store.upsert([{ id: 'a', text: 'Cats sleep most of the day.', metadata: { lang: 'en' } }]);
 * await store.search('Which animal naps a lot?', { k: 3, filter: { field: 'lang', eq: 'en' } });
 */
export class MilvusStore extends CollectionStore {
  /**
   * Connects to a server.
   *
   * @param url `milvus://user:password@host:19530/database/collection`; `milvuss://` with TLS; with the parameters
   * `consistency`, `partition`, `fullText` and `timeout`
   * @throws {EmbedlaneError} `ERR_INVALID_ARG`; `ERR_NOT_FOUND` without the SDK; `ERR_REMOTE` without a server, or
   * if it refuses the credentials
   */
  static async open(url: string | URL, options?: MilvusStoreOptions): Promise<MilvusStore> {
    const parsed = serverUrl('url', url, SCHEMES, PARAMETERS);
    const { scheme, host, port, user, password, database, collection, parameters } = parsed;
    const known = optionsObject('options', options, [
      'embedder',
      'token',
      'consistency',
      'partition',
      'fullText',
      'timeout',
    ]);
    const token = optionalString('options.token', known.token);
    const consistency = oneOf(
      'options.consistency',
      known.consistency ?? parameters.consistency ?? 'strong',
      CONSISTENCY_LEVELS,
    );
    const partition = optionalString('options.partition', known.partition ?? parameters.partition);
    if (partition !== undefined && !PARTITION.test(partition)) {
      throw invalidArgument('options.partition', "letters, digits and '_'", partition);
    }
    const fullText =
      optionalBoolean('options.fullText', known.fullText) ?? booleanParameter(parsed, 'fullText') ?? false;
    const timeout = integer(
      'options.timeout',
      known.timeout ?? numberParameter(parsed, 'timeout') ?? DEFAULT_TIMEOUT,
      1,
      2 ** 31 - 1,
    );
    const connection = await connect({
      host,
      port: port ?? DEFAULT_PORT,
      tls: scheme === 'milvuss',
      user,
      password,
      token,
      database,
      timeout,
    });
    const engine = new MilvusEngine({
      connection,
      collection,
      partition,
      consistency,
      fullText,
      timeout,
    });
    return new MilvusStore(engine, { embedder: known.embedder });
  }

  private constructor(engine: MilvusEngine, options: StoreOptions) {
    super(engine, options);
  }
}
