import type { ConsistencyLevelEnum } from '@zilliz/milvus2-sdk-node';
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
import type { SharedClient } from './client.js';
import { MilvusCollection, type MilvusCollectionOptions, requireFullText } from './collection.js';
import { type Columns, columnsOf } from './columns.js';
import { CONSISTENCY } from './consistency.js';
import { idIn, MILVUS_FILTER, stringLiteral } from './filter.js';
import { decodeRow, outputFields, type Row } from './rows.js';
import { scanForBest } from './scan.js';
import {
  type DescribedCollection,
  ID_FIELD,
  MAX_TEXT_BYTES,
  METRIC_TYPES,
  VECTOR_FIELD,
  WORDS_FIELD,
  WORDS_INDEX,
} from './schema.js';
import { encodeQuery, HALF_TRANSFORMERS } from './vectors.js';

/** Most hits of a search, and rows of a query: https://milvus.io/docs/limitations.md */
const MAX_HITS = 16_384;
/** Records that an exact search without an exact index, or a deletion, reads at once. */
const SCAN_PAGE = 1000;
const ONLY_ID: Include = { vector: false, document: false, metadata: false };
const DENSE_METRICS = ['cosine', 'dot', 'l2'] as const;

/** A collection of Milvus, Milvus Lite or Zilliz Cloud, or one partition of it. */
export class MilvusEngine implements StoreEngine {
  readonly name = 'Milvus';
  readonly limits: EngineLimits = {
    dims: 32_768,
    // A batch is encoded at once, in some 10 ms.
    batchRecords: 500,
    // A message may have 64 MB.
    batchBytes: 16 * 2 ** 20,
    documentBytes: MAX_TEXT_BYTES,
    metadataBytes: MAX_TEXT_BYTES,
  };
  readonly supports: EngineSupport = {
    dtypes: {
      f32: DENSE_METRICS,
      f16: DENSE_METRICS,
      bf16: DENSE_METRICS,
      i8: DENSE_METRICS,
      b1: ['hamming'],
      sparse: ['dot'],
    },
    indexTypes: ['auto', 'flat', 'hnsw', 'hnsw_sq', 'ivf'],
  };
  readonly searchWords: StoreEngine['searchWords'];

  readonly #collection: MilvusCollection;
  readonly #partition: string | undefined;
  readonly #reads: {
    consistency_level: ConsistencyLevelEnum;
    partition_names?: string[];
    transformers: object;
  };
  readonly #connection: SharedClient;
  #described: DescribedCollection | undefined;

  constructor(options: MilvusCollectionOptions) {
    const { consistency, partition, connection } = options;
    this.#collection = new MilvusCollection(options);
    this.#partition = partition;
    this.#reads = {
      // The SDK takes the number of 'Strong', 0, for none; the name reaches the server.
      consistency_level: CONSISTENCY[consistency] as unknown as ConsistencyLevelEnum,
      ...(partition === undefined ? {} : { partition_names: [partition] }),
      transformers: HALF_TRANSFORMERS,
    };
    this.#connection = connection;
    if (options.fullText) this.searchWords = (request, context) => this.#searchWords(request, context);
  }

  async describe(): Promise<CollectionInfo | undefined> {
    this.#described = await this.#collection.describe();
    return this.#described?.info;
  }

  async create(info: CollectionInfo, index: IndexSpec): Promise<void> {
    await this.#collection.create(info, index);
    await this.describe();
  }

  encode(records: readonly PreparedRecord[], { info }: EngineContext): Columns {
    return columnsOf(records, info);
  }

  async write(records: readonly PreparedRecord[], _context: EngineContext, columns: Columns): Promise<void> {
    await this.#collection.send('store records in', 'Upsert', {
      ...(this.#partition === undefined ? {} : { partition_name: this.#partition }),
      num_rows: records.length,
      fields_data: columns,
    });
  }

  async search(request: VectorRequest, context: EngineContext): Promise<StoreHit[]> {
    if (request.exact && !this.#described?.exact) return this.#scan(request, context);
    const { vector, include, efSearch, probes } = request;
    const { info } = context;
    const data = [encodeQuery(vector, info)];
    return bestHits(info, request.k, MAX_HITS, async (limit) => {
      const params = {
        ...(efSearch === undefined ? {} : { ef: Math.max(efSearch, limit) }),
        ...(probes === undefined ? {} : { nprobe: probes }),
      };
      const rows = await this.#find(VECTOR_FIELD, METRIC_TYPES[info.metric], data, limit, request, params);
      return rows.map((row) => {
        return { ...decodeRow(row, include, info), score: score(row.score as number, info) };
      });
    });
  }

  async get(ids: readonly string[], include: Include, { info }: EngineContext): Promise<StoredRecord[]> {
    const rows = await this.#query(idIn(ids), include, ids.length);
    return rows.map((row) => decodeRow(row, include, info));
  }

  /** Milvus counts the ids that it is given, whether it has them or not: they are looked up first. */
  async delete(ids: readonly string[], context: EngineContext): Promise<number> {
    const there = (await this.get(ids, ONLY_ID, context)).map(({ id }) => id);
    if (there.length > 0) {
      await this.#collection.call('delete records of', (client, target) =>
        client.delete({
          ...target,
          ...(this.#partition === undefined ? {} : { partition_name: this.#partition }),
          filter: idIn(there),
        }),
      );
    }
    return there.length;
  }

  async deleteMatching(filter: FilterNode, context: EngineContext): Promise<number> {
    let deleted = 0;
    for await (const page of this.#pages(filter, ONLY_ID, context)) {
      const ids = page.map(({ id }) => id);
      deleted += await this.delete(ids, context);
    }
    return deleted;
  }

  async count(filter: FilterNode | undefined): Promise<number> {
    // Milvus Lite counts other partitions too, unless there is something to filter by.
    const all = this.#partition === undefined ? '' : MILVUS_FILTER.constant(true);
    const { data } = await this.#collection.call('count records of', (client, target) =>
      client.query({
        ...target,
        ...this.#reads,
        filter: filter === undefined ? all : translateFilter(filter, MILVUS_FILTER),
        output_fields: ['count(*)'],
      }),
    );
    return Number(data[0]['count(*)']);
  }

  async page(
    { after, size, filter, include }: PageRequest,
    { info }: EngineContext,
  ): Promise<StoredRecord[]> {
    const parts = [
      `${ID_FIELD} > ${stringLiteral(after ?? '')}`,
      ...(filter === undefined ? [] : [translateFilter(filter, MILVUS_FILTER)]),
    ];
    // For its iterators Milvus orders by primary key, byte for byte; otherwise the first rows that it finds will do.
    const rows = await this.#query(parts.join(' and '), include, size, { params: { iterator: 'True' } });
    return rows.map((row) => decodeRow(row, include, info));
  }

  async drop(): Promise<void> {
    await this.#collection.drop();
    this.#described = undefined;
  }

  async close(): Promise<void> {
    await this.#connection.release();
  }

  async #searchWords(request: WordsRequest, { info }: EngineContext): Promise<StoredRecord[]> {
    requireFullText(this.#described);
    const limit = Math.min(request.k, MAX_HITS);
    const rows = await this.#find(WORDS_FIELD, WORDS_INDEX.metric_type, [request.words], limit, request, {});
    return rows.map((row) => decodeRow(row, request.include, info));
  }

  /** Every record compared with the query, which the approximate indexes of Milvus cannot do. */
  async #scan(request: VectorRequest, context: EngineContext): Promise<StoreHit[]> {
    const { vector, filter, include, k } = request;
    const pages = this.#pages(filter, { ...ONLY_ID, vector: true }, context);
    const best = await scanForBest(vector, pages, k, context.info, context.signal);
    const records = new Map<string, StoredRecord>();
    for (let start = 0; start < best.length; start += SCAN_PAGE) {
      const ids = best.slice(start, start + SCAN_PAGE).map(({ id }) => id);
      for (const record of await this.get(ids, include, context)) records.set(record.id, record);
    }
    return best.flatMap(({ id, score }) => {
      const record = records.get(id);
      return record === undefined ? [] : [{ ...record, score }];
    });
  }

  async *#pages(
    filter: FilterNode | undefined,
    include: Include,
    context: EngineContext,
  ): AsyncGenerator<StoredRecord[], void, undefined> {
    let after: string | undefined;
    for (;;) {
      const page = await this.page({ after, size: SCAN_PAGE, filter, include }, context);
      if (page.length > 0) yield page;
      if (page.length < SCAN_PAGE) return;
      after = page[page.length - 1].id;
    }
  }

  async #query(filter: string, include: Include, limit: number, more: object = {}): Promise<Row[]> {
    const { data } = await this.#collection.call('read records of', (client, target) =>
      client.query({
        ...target,
        ...this.#reads,
        ...more,
        filter,
        limit: Math.min(limit, MAX_HITS),
        output_fields: outputFields(include),
      }),
    );
    return data;
  }

  async #find(
    field: string,
    metric: string,
    data: unknown[],
    limit: number,
    { filter, include }: Pick<WordsRequest, 'filter' | 'include'>,
    params: Record<string, number>,
  ): Promise<Row[]> {
    const { results } = await this.#collection.call('search', (client, target) =>
      client.search({
        ...target,
        ...this.#reads,
        anns_field: field,
        metric_type: metric,
        data: data as number[][],
        limit,
        params,
        ...(filter === undefined ? {} : { filter: translateFilter(filter, MILVUS_FILTER) }),
        output_fields: outputFields(include),
      } as Parameters<typeof client.search>[0]),
    );
    return results as unknown as Row[];
  }
}

/** Milvus gives squared Euclidean distances. */
function score(value: number, { metric }: CollectionInfo): number {
  return metric === 'l2' ? Math.sqrt(value) : value;
}
