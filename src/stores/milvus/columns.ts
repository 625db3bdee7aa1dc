import { EmbedlaneError } from '../../core/errors.js';
import type { SparseVector } from '../../heads/index.js';
import type { PreparedRecord } from '../base/engine.js';
import { packSparse } from '../base/sparse-bytes.js';
import type { CollectionInfo, StoreDtype } from '../types.js';
import { encodeMetadata, METADATA_FIELD, metadataJson } from './metadata.js';
import { DOCUMENT_FIELD, ID_FIELD, MAX_TEXT_BYTES, VECTOR_FIELD } from './schema.js';
import { packedVectors, requireFitting } from './vectors.js';

/** DataType of https://github.com/milvus-io/milvus-proto/blob/master/proto/schema.proto */
const TYPES = { varChar: 21, json: 23 };
const VECTOR_TYPES: Record<StoreDtype, number> = {
  b1: 100,
  f32: 101,
  f16: 102,
  bf16: 103,
  sparse: 104,
  i8: 105,
};

/** A message FieldData: one field of all records. */
type Column = { type: number; field_name: string } & Record<string, unknown>;
export type Columns = readonly Column[];

/**
 * Records as the columns that Milvus' protocol has. The SDK makes them from rows, number by number, and holds up the
 * event loop for a second where this takes milliseconds.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` that names the record, if its collection cannot hold it
 */
export function columnsOf(records: readonly PreparedRecord[], info: CollectionInfo): Columns {
  for (const { id, vector } of records) {
    requireFitting(`vector of the record with id ${JSON.stringify(id)}`, vector, info);
  }
  const texts = (name: string, data: string[]): Column => {
    return { type: TYPES.varChar, field_name: name, scalars: { string_data: { data } } };
  };
  return [
    texts(
      ID_FIELD,
      records.map(({ id }) => id),
    ),
    { type: VECTOR_TYPES[info.dtype], field_name: VECTOR_FIELD, vectors: vectorData(records, info) },
    texts(
      DOCUMENT_FIELD,
      records.map(({ document }) => document ?? ''),
    ),
    {
      type: TYPES.json,
      field_name: METADATA_FIELD,
      scalars: { json_data: { data: records.map(metadataBytes) } },
    },
  ];
}

/** A message VectorField. */
function vectorData(records: readonly PreparedRecord[], { dims, dtype }: CollectionInfo): object {
  const vectors = records.map(({ vector }) => vector);
  if (dtype === 'sparse') {
    const contents = vectors.map((vector) => packSparse(vector as SparseVector));
    return { dim: dims, sparse_float_vector: { dim: dims, contents } };
  }
  if (dtype === 'f32') {
    // The encoder takes no typed arrays.
    const data = new Array<number>(records.length * dims);
    let at = 0;
    for (const vector of vectors as Float32Array[]) {
      for (let i = 0; i < dims; i++) data[at++] = vector[i];
    }
    return { dim: dims, float_vector: { data } };
  }
  return { dim: dims, [BYTE_FIELDS[dtype]]: packedVectors(vectors as Float32Array[], dtype) };
}

const BYTE_FIELDS = {
  b1: 'binary_vector',
  f16: 'float16_vector',
  bf16: 'bfloat16_vector',
  i8: 'int8_vector',
};

function metadataBytes({ id, metadata, document }: PreparedRecord): Buffer {
  const bytes = Buffer.from(metadataJson(encodeMetadata(metadata, document !== undefined)));
  if (bytes.length <= MAX_TEXT_BYTES) return bytes;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected at most ${MAX_TEXT_BYTES} bytes for the metadata of the record with id ${JSON.stringify(id)}, sorted by type, but received ${bytes.length}`,
  );
}
