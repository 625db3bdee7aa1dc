import type { Include } from '../base/engine.js';
import type { CollectionInfo, StoredRecord } from '../types.js';
import { decodeMetadata, METADATA_FIELD, type StoredMetadata } from './metadata.js';
import { DOCUMENT_FIELD, ID_FIELD, VECTOR_FIELD } from './schema.js';
import { decodeVector } from './vectors.js';

/** A record as the SDK gives it. */
export type Row = Record<string, unknown>;

/** The fields to ask for. Whether there is a document is in the metadata. */
export function outputFields(include: Include): string[] {
  return [
    ID_FIELD,
    ...(include.vector ? [VECTOR_FIELD] : []),
    ...(include.document ? [DOCUMENT_FIELD] : []),
    ...(include.document || include.metadata ? [METADATA_FIELD] : []),
  ];
}

export function decodeRow(row: Row, include: Include, info: CollectionInfo): StoredRecord {
  const record: StoredRecord = { id: row[ID_FIELD] as string };
  if (include.vector) record.vector = decodeVector(row[VECTOR_FIELD], info);
  const stored = (row[METADATA_FIELD] ?? {}) as StoredMetadata;
  if (include.document && !stored.no_document) record.document = row[DOCUMENT_FIELD] as string;
  if (include.metadata) record.metadata = decodeMetadata(stored);
  return record;
}
