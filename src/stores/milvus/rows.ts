import { EmbedlaneError } from '../../core/errors.js';
import type { Include, PreparedRecord } from '../base/engine.js';
import type { CollectionInfo, StoredRecord } from '../types.js';
import { decodeMetadata, encodeMetadata, METADATA_FIELD, type StoredMetadata } from './metadata.js';
import { DOCUMENT_FIELD, ID_FIELD, MAX_TEXT_BYTES, VECTOR_FIELD } from './schema.js';
import { decodeVector, encodeVector, requireFitting } from './vectors.js';

/** A record as the SDK takes it. */
export type Row = Record<string, unknown>;

/** @throws {EmbedlaneError} `ERR_INVALID_ARG` that names the record, if its collection cannot hold it */
export function encodeRow(record: PreparedRecord, info: CollectionInfo): Row {
  const named = `the record with id ${JSON.stringify(record.id)}`;
  requireFitting(`vector of ${named}`, record.vector, info);
  const metadata = encodeMetadata(record.metadata, record.document !== undefined);
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes > MAX_TEXT_BYTES) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected at most ${MAX_TEXT_BYTES} bytes for the metadata of ${named}, sorted by type, but received ${bytes}`,
    );
  }
  return {
    [ID_FIELD]: record.id,
    [VECTOR_FIELD]: encodeVector(record.vector, info),
    [DOCUMENT_FIELD]: record.document ?? '',
    [METADATA_FIELD]: metadata,
  };
}

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
