import type { CreateIndexSimpleReq, DescribeCollectionResponse, FieldType } from '@zilliz/milvus2-sdk-node';
import { EmbedlaneError } from '../../core/errors.js';
import type { IndexSpec } from '../base/engine.js';
import type { CollectionInfo, StoreDtype, StoreIndexType, StoreMetric } from '../types.js';
import { METADATA_FIELD } from './metadata.js';

export const ID_FIELD = 'id';
export const VECTOR_FIELD = 'vector';
export const DOCUMENT_FIELD = 'document';
/** Sparse vectors of the documents' words, which Milvus computes. */
export const WORDS_FIELD = 'words';

/** Bytes of a VarChar, and of a JSON value. */
export const MAX_TEXT_BYTES = 65_535;
const MAX_ID_BYTES = 512;

const VECTOR_TYPES: Record<StoreDtype, string> = {
  f32: 'FloatVector',
  f16: 'Float16Vector',
  bf16: 'BFloat16Vector',
  i8: 'Int8Vector',
  b1: 'BinaryVector',
  sparse: 'SparseFloatVector',
};

export const METRIC_TYPES: Record<StoreMetric, string> = {
  cosine: 'COSINE',
  dot: 'IP',
  l2: 'L2',
  hamming: 'HAMMING',
};

const DENSE_INDEX_TYPES: Record<StoreIndexType, string> = {
  auto: 'AUTOINDEX',
  flat: 'FLAT',
  hnsw: 'HNSW',
  hnsw_sq: 'HNSW_SQ',
  ivf: 'IVF_FLAT',
};

/** Index types under which every search is exact. */
const EXACT_INDEX_TYPES = ['FLAT', 'BIN_FLAT', 'SPARSE_INVERTED_INDEX'];

/** Sparse fields have no dimensions, so that they are noted beside: Milvus Lite forgets descriptions, older servers properties. */
const DIMS_PROPERTY = 'embedlane.dims';
const DIMS_DESCRIPTION = /\bembedlane\.dims=(\d+)\b/;

const DEFAULT_M = 16;
const DEFAULT_EF_CONSTRUCTION = 200;
const DEFAULT_LISTS = 1024;

interface CollectionSchema {
  readonly description: string;
  readonly properties: Record<string, string>;
  readonly fields: FieldType[];
  readonly functions: {
    name: string;
    type: number;
    input_field_names: string[];
    output_field_names: string[];
    params: object;
  }[];
}

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` for dimensions that Milvus does not have for the dtype */
export function collectionSchema({ dims, dtype }: CollectionInfo, fullText: boolean): CollectionSchema {
  if (dtype === 'b1' && dims % 8 !== 0) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a multiple of 8, as Milvus has for bits, for options.dims but received ${dims}`,
    );
  }
  const size = dtype === 'sparse' ? {} : { dim: dims };
  const fields: FieldType[] = [
    { name: ID_FIELD, data_type: 'VarChar', max_length: MAX_ID_BYTES, is_primary_key: true },
    { name: VECTOR_FIELD, data_type: VECTOR_TYPES[dtype] as 'FloatVector', ...size },
    { name: DOCUMENT_FIELD, data_type: 'VarChar', max_length: MAX_TEXT_BYTES, enable_analyzer: fullText },
    { name: METADATA_FIELD, data_type: 'JSON' },
  ];
  if (fullText) fields.push({ name: WORDS_FIELD, data_type: 'SparseFloatVector', is_function_output: true });
  const noted = dtype === 'sparse' ? String(dims) : undefined;
  return {
    description: noted === undefined ? '' : `embedlane.dims=${noted}`,
    properties: noted === undefined ? {} : { [DIMS_PROPERTY]: noted },
    fields,
    functions: fullText ? [BM25] : [],
  };
}

const BM25 = {
  name: 'bm25',
  // FunctionType.BM25
  type: 1,
  input_field_names: [DOCUMENT_FIELD],
  output_field_names: [WORDS_FIELD],
  params: {},
};

export type IndexRequest = Omit<CreateIndexSimpleReq, 'collection_name'> & { metric_type: string };

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` for an index that Milvus does not have for the dtype */
export function vectorIndex({ dtype, metric }: CollectionInfo, index: IndexSpec): IndexRequest {
  const { type, params } = indexType(dtype, index);
  return { field_name: VECTOR_FIELD, index_type: type, metric_type: METRIC_TYPES[metric], params };
}

export const WORDS_INDEX: IndexRequest = {
  field_name: WORDS_FIELD,
  index_type: 'SPARSE_INVERTED_INDEX',
  metric_type: 'BM25',
  params: {},
};

function indexType(dtype: StoreDtype, { type, m, efConstruction, lists }: IndexSpec) {
  const graph = { M: m ?? DEFAULT_M, efConstruction: efConstruction ?? DEFAULT_EF_CONSTRUCTION };
  const nlist = lists ?? DEFAULT_LISTS;
  if (dtype === 'sparse') {
    if (type === 'auto' || type === 'flat') return { type: 'SPARSE_INVERTED_INDEX', params: {} };
    throw noIndex(type, dtype, 'auto, flat');
  }
  if (dtype === 'b1') {
    if (type === 'auto' || type === 'flat') return { type: 'BIN_FLAT', params: {} };
    if (type === 'ivf') return { type: 'BIN_IVF_FLAT', params: { nlist } };
    throw noIndex(type, dtype, 'auto, flat, ivf');
  }
  const params = {
    auto: {},
    flat: {},
    hnsw: graph,
    hnsw_sq: { ...graph, sq_type: 'SQ8' },
    ivf: { nlist },
  };
  return { type: DENSE_INDEX_TYPES[type], params: params[type] };
}

function noIndex(type: StoreIndexType, dtype: StoreDtype, there: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected one of ${there}, which Milvus has for '${dtype}', for options.index.type but received '${type}'`,
  );
}

interface IndexDescription {
  readonly field_name: string;
  readonly params: readonly { readonly key: string | number; readonly value: string | number }[];
}

/** What is known of a collection that is there. */
export interface DescribedCollection {
  readonly info: CollectionInfo;
  /** Whether every search is exact. */
  readonly exact: boolean;
  readonly fullText: boolean;
}

/** @throws {EmbedlaneError} `ERR_CONFLICT` for a collection that {@link collectionSchema} has not made */
export function readSchema(name: string, { schema, properties }: DescribeCollectionResponse) {
  const types = new Map(schema.fields.map((field) => [field.name, field]));
  const vector = types.get(VECTOR_FIELD);
  const dtypes = Object.keys(VECTOR_TYPES) as StoreDtype[];
  const dtype = dtypes.find((key) => VECTOR_TYPES[key] === vector?.data_type);
  const fits =
    types.get(ID_FIELD)?.data_type === 'VarChar' &&
    types.get(DOCUMENT_FIELD)?.data_type === 'VarChar' &&
    types.get(METADATA_FIELD)?.data_type === 'JSON';
  if (!fits || vector === undefined || dtype === undefined) throw foreign(name, 'other fields');
  const noted =
    properties.find(({ key }) => key === DIMS_PROPERTY)?.value ??
    DIMS_DESCRIPTION.exec(schema.description)?.[1];
  const dims = Number(dtype === 'sparse' ? noted : vector.dim);
  if (!(dims > 0)) throw foreign(name, 'no number of dimensions');
  return { dims, dtype, fullText: types.has(WORDS_FIELD) };
}

/** Undefined if the vectors have no index yet. */
export function readIndex(
  name: string,
  indexes: readonly IndexDescription[],
): { metric: StoreMetric; exact: boolean } | undefined {
  const index = indexes.find(({ field_name }) => field_name === VECTOR_FIELD);
  if (index === undefined) return undefined;
  const params = new Map(index.params.map(({ key, value }) => [key, value]));
  const metrics = Object.keys(METRIC_TYPES) as StoreMetric[];
  const metric = metrics.find((key) => METRIC_TYPES[key] === params.get('metric_type'));
  if (metric === undefined) throw foreign(name, `the metric ${params.get('metric_type')}`);
  return { metric, exact: EXACT_INDEX_TYPES.includes(String(params.get('index_type'))) };
}

function foreign(name: string, received: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_CONFLICT',
    `Expected a collection made by embedlane at '${name}' but received one with ${received}`,
  );
}
