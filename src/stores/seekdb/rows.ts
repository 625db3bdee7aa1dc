import type { RowDataPacket } from 'mysql2/promise';
import type { SparseVector } from '../../heads/index.js';
import type { Include, PreparedRecord } from '../base/engine.js';
import { packSparse, unpackSparse } from '../base/sparse-bytes.js';
import type { CollectionInfo, Metadata, StoredRecord, StoreMetric, StoreVector } from '../types.js';
import { jsonColumn } from './json.js';
import { join, raw, type Sql, sql } from './sql.js';

/** The score as {@link StoreMetric} says, from the distance that indexes order by. */
const SCORES: Partial<Record<StoreMetric, { distance: Sql; score: (distance: number) => number }>> = {
  cosine: { distance: raw('cosine_distance'), score: (distance) => 1 - distance },
  dot: { distance: raw('negative_inner_product'), score: (distance) => -distance },
  l2: { distance: raw('l2_distance'), score: (distance) => distance },
};

export function distanceTo(vector: StoreVector, { metric }: CollectionInfo): Sql {
  return sql`${SCORES[metric]!.distance}(vector, ${encodeVector(vector)})`;
}

export function scoreOf(distance: number, { metric }: CollectionInfo): number {
  return SCORES[metric]!.score(distance);
}

/** Dense vectors go as the bytes of their numbers, which seekdb takes from binary strings. */
function encodeVector(vector: StoreVector): Buffer | string {
  if (!('indices' in vector)) return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  const pairs = Array.from(vector.indices, (index, i) => `${index}:${vector.values[i]}`);
  return `{${pairs.join(',')}}`;
}

/** INSERT … ON DUPLICATE KEY UPDATE. */
export function upsert(table: Sql, records: readonly PreparedRecord[], { dtype }: CollectionInfo): Sql {
  const isSparse = dtype === 'sparse';
  const columns = ['vector', 'document', 'metadata', ...(isSparse ? ['packed'] : [])];
  const rows = records.map(({ id, vector, document, metadata, metadataJson }) => {
    const more = isSparse ? sql`, ${packSparse(vector as SparseVector)}` : raw('');
    const json = jsonColumn(metadata, metadataJson);
    return sql`(${Buffer.from(id)}, ${encodeVector(vector)}, ${document ?? null}, ${json}${more})`;
  });
  const update = columns.map((column) => `${column} = VALUES(${column})`).join(', ');
  return sql`INSERT INTO ${table} (${raw(['id', ...columns].join(', '))}) VALUES ${join(rows, ', ')}
    ON DUPLICATE KEY UPDATE ${raw(update)}`;
}

/** The columns to ask for. */
export function selected(include: Include, { dtype }: CollectionInfo): Sql {
  // As text a vector has six digits; as 64-bit floats its numbers have all.
  const vector = dtype === 'sparse' ? 'packed' : 'ARRAY_MAP(x -> CAST(x AS DOUBLE), vector) AS vector';
  const columns = [
    'id',
    ...(include.vector ? [vector] : []),
    ...(include.document ? ['document'] : []),
    ...(include.metadata ? ['metadata'] : []),
  ];
  return raw(columns.join(', '));
}

export function decodeRow(row: RowDataPacket, include: Include, { dtype }: CollectionInfo): StoredRecord {
  const record: StoredRecord = { id: (row.id as Buffer).toString() };
  if (include.vector) {
    record.vector = dtype === 'sparse' ? unpackSparse(row.packed) : Float32Array.from(JSON.parse(row.vector));
  }
  if (include.document && row.document !== null) record.document = row.document as string;
  if (include.metadata) record.metadata = row.metadata as Metadata;
  return record;
}
