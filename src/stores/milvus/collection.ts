import type { MilvusClient } from '@zilliz/milvus2-sdk-node';
import { EmbedlaneError } from '../../core/errors.js';
import { Transient } from '../../core/retry.js';
import { requireSame } from '../base/collection.js';
import type { IndexSpec } from '../base/engine.js';
import type { CollectionInfo } from '../types.js';
import type { SharedClient } from './client.js';
import { CONSISTENCY, type MilvusConsistency } from './consistency.js';
import { callMilvus, INDEX_NOT_FOUND, isNotFound, type MilvusStatus } from './failure.js';
import {
  collectionSchema,
  type DescribedCollection,
  type IndexRequest,
  readIndex,
  readSchema,
  vectorIndex,
  WORDS_INDEX,
} from './schema.js';

export interface MilvusCollectionOptions {
  readonly connection: SharedClient;
  readonly collection: string;
  readonly partition: string | undefined;
  readonly consistency: MilvusConsistency;
  readonly fullText: boolean;
  /** Milliseconds for one request. */
  readonly timeout: number;
}

/** What servers say of a collection, an index or a partition that another client has made meanwhile. */
const MADE = /already exist|file exists|duplicate/i;

/** Makes, describes and removes a collection, or one partition of it. */
export class MilvusCollection {
  readonly #options: MilvusCollectionOptions;

  constructor(options: MilvusCollectionOptions) {
    this.#options = options;
  }

  /** Calls the server about this collection. */
  call<T extends { status?: MilvusStatus } | MilvusStatus>(
    task: string,
    run: (client: MilvusClient, target: { collection_name: string; timeout: number }) => Promise<T>,
    isExpected?: (answer: T) => boolean,
  ): Promise<T> {
    const { connection, collection, timeout } = this.#options;
    const target = { collection_name: collection, timeout };
    return callMilvus(`${task} '${collection}'`, () => run(connection.client, target), isExpected);
  }

  /** Sends a request as the protocol has it. */
  async send(task: string, method: string, request: object): Promise<void> {
    const { promisify } = await import('@zilliz/milvus2-sdk-node');
    await this.call(task, (client, { timeout, ...target }) => {
      // The SDK makes JSON of every request for a log that nobody reads: this is what it gets.
      const message = { ...target, ...request, toJSON: () => method };
      return promisify(client.channelPool, method, message, timeout) as Promise<{ status?: MilvusStatus }>;
    });
  }

  /** The collection, ready to be searched; undefined if it is not there, or not finished. */
  async describe(): Promise<DescribedCollection | undefined> {
    const { collection, partition } = this.#options;
    const schema = await this.#schema();
    if (schema === undefined) return undefined;
    const index = readIndex(collection, await this.#indexes());
    if (index === undefined || (partition !== undefined && !(await this.#hasPartition(partition)))) {
      return undefined;
    }
    await this.call('load', (client, target) => client.loadCollection(target));
    const { fullText, ...info } = schema;
    return { info: { ...info, metric: index.metric }, exact: index.exact, fullText };
  }

  /** Goes on with what an earlier attempt has left, or another client makes. */
  async create(info: CollectionInfo, index: IndexSpec): Promise<void> {
    try {
      await this.#make(info, index);
    } catch (error) {
      const isThere =
        error instanceof EmbedlaneError && error.code === 'ERR_REMOTE' && MADE.test(error.message);
      throw isThere ? new Transient(error) : error;
    }
  }

  async #make(info: CollectionInfo, index: IndexSpec): Promise<void> {
    const { fullText, consistency, partition } = this.#options;
    // The vectors' index is last: with it a collection is finished.
    const requests = [...(fullText ? [WORDS_INDEX] : []), vectorIndex(info, index)];
    const { functions, ...schema } = collectionSchema(info, fullText);
    const existing = await this.#schema();
    if (existing !== undefined) requireSame({ ...existing, metric: info.metric }, info);
    else {
      await this.call('create', (client, target) =>
        client.createCollection({
          ...target,
          ...schema,
          ...(functions.length > 0 ? { functions } : {}),
          consistency_level: CONSISTENCY[consistency],
        }),
      );
    }
    for (const request of requests) await this.#createIndex(request);
    if (partition !== undefined && !(await this.#hasPartition(partition))) {
      await this.call(`create partition '${partition}' of`, (client, target) =>
        client.createPartition({ ...target, partition_name: partition }),
      );
    }
  }

  async drop(): Promise<void> {
    const { partition } = this.#options;
    if (partition === undefined) {
      await this.call('drop', (client, target) => client.dropCollection(target));
      return;
    }
    if ((await this.#schema()) === undefined || !(await this.#hasPartition(partition))) return;
    // Milvus drops no partition that is loaded; Milvus Lite loads collections only, and cannot release less.
    await this.call(
      `release partition '${partition}' of`,
      (client, target) => client.releasePartitions({ ...target, partition_names: [partition] }),
      () => true,
    );
    await this.call(`drop partition '${partition}' of`, (client, target) =>
      client.dropPartition({ ...target, partition_name: partition }),
    );
  }

  async #schema() {
    const { collection } = this.#options;
    // Describing a collection that there is not makes the SDK fail with some servers.
    const { state, status } = await this.call(
      'find',
      (client, target) => client.getLoadState(target),
      isNotFound,
    );
    if (state === 'LoadStateNotExist' || isNotFound({ status })) return undefined;
    const description = await this.call('describe', (client, target) => client.describeCollection(target));
    return readSchema(collection, description);
  }

  async #hasPartition(partition: string): Promise<boolean> {
    const { value } = await this.call(`find partition '${partition}' of`, (client, target) =>
      client.hasPartition({ ...target, partition_name: partition }),
    );
    return value === true;
  }

  async #indexes() {
    const { index_descriptions } = await this.call(
      'describe the indexes of',
      (client, target) => client.describeIndex(target),
      ({ status }) => status.code === INDEX_NOT_FOUND,
    );
    return index_descriptions ?? [];
  }

  async #createIndex(request: IndexRequest): Promise<void> {
    const there = await this.#indexes();
    if (there.some(({ field_name }) => field_name === request.field_name)) return;
    await this.call(`index ${request.field_name} of`, (client, target) =>
      client.createIndex({ ...target, ...request }),
    );
  }
}

/** @throws {EmbedlaneError} `ERR_CONFLICT` for a search of words in a collection without them */
export function requireFullText(described: DescribedCollection | undefined): void {
  if (described?.fullText) return;
  throw new EmbedlaneError(
    'ERR_CONFLICT',
    'Expected a collection made with fullText for options.hybrid but received one without; drop it first',
  );
}
