import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import { optionsObject } from '../../core/validate.js';
import type { ImageInput } from '../../image/index.js';
import type { CollectionInfo, Metadata, StoreEmbedder, StoreRecord, StoreVector } from '../types.js';
import { requireEncoder } from './embed.js';
import type { EngineLimits, PreparedRecord, StoreEngine } from './engine.js';
import { metadataArgument, storableText } from './metadata.js';
import { vectorArgument } from './vectors.js';

/** Longest id in bytes of UTF-8. */
const MAX_ID_BYTES = 512;

/** A record whose form is right; `vector` is there, or something to embed. */
export interface CheckedRecord {
  readonly id: string;
  readonly vector: StoreVector | undefined;
  readonly text: string | undefined;
  readonly image: ImageInput | undefined;
  readonly document: string | undefined;
  readonly metadata: Metadata;
  readonly metadataJson: string;
  /** About how much of a request it takes. */
  readonly bytes: number;
}

/** What records are checked against. */
export interface RecordRules {
  readonly info: CollectionInfo;
  readonly limits: EngineLimits;
  readonly embedder: StoreEmbedder | undefined;
  /** See {@link StoreEngine.encode}. */
  readonly encode?: (records: readonly PreparedRecord[]) => unknown;
}

/** Checks an id: 1 to 512 bytes of well-formed UTF-8 without U+0000. */
export function recordId(name: string, value: unknown): string {
  const id = storableText(name, value);
  if (id === '' || Buffer.byteLength(id) > MAX_ID_BYTES) {
    throw invalidArgument(name, `1 to ${MAX_ID_BYTES} bytes`, value);
  }
  return id;
}

/** Checks ids and drops repeated ones. */
export function recordIds(name: string, value: unknown): string[] {
  if (value === null || typeof value !== 'object' || !(Symbol.iterator in value)) {
    throw invalidArgument(name, 'an array of ids', value);
  }
  return Array.from(value as Iterable<unknown>, (id, i) => recordId(`${name}[${i}]`, id));
}

/** Checks one record, with errors that name it by place and id, and copies what the caller might change. */
export function checkRecord(value: StoreRecord, place: number, rules: RecordRules): CheckedRecord {
  try {
    return checkNamed(value, undefined, rules);
  } catch {
    // Names cost as much as all the rest: they are made when they are needed.
    return checkNamed(value, place, rules);
  }
}

function checkNamed(value: StoreRecord, place: number | undefined, rules: RecordRules): CheckedRecord {
  const at = place === undefined ? '' : `records[${place}]`;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalidArgument(at, 'a record { id, vector | text | image, document?, metadata? }', value);
  }
  const known = optionsObject<Partial<Record<keyof StoreRecord, unknown>>>(at, value, [
    'id',
    'vector',
    'text',
    'image',
    'document',
    'metadata',
  ]);
  const id = recordId(`${at}.id`, known.id);
  const name = place === undefined ? '' : `${at} (id ${JSON.stringify(id)})`;
  const sources = (['vector', 'text', 'image'] as const).filter((key) => known[key] !== undefined);
  if (sources.length !== 1) {
    const received = sources.length === 0 ? 'none of them' : sources.join(' and ');
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected vector, text or image for ${name} but received ${received}`,
    );
  }
  const [source] = sources;
  const field = `${source} of ${name}`;
  if (source !== 'vector') requireEncoder(field, rules.embedder, source === 'image' ? 'image' : 'document');
  const text = source === 'text' ? storableText(field, known.text) : undefined;
  const written = known.document === undefined ? text : storableText(`document of ${name}`, known.document);
  const metadata =
    known.metadata === undefined ? {} : metadataArgument(`metadata of ${name}`, known.metadata);
  const vector = source === 'vector' ? vectorArgument(field, known.vector, rules.info) : undefined;
  const metadataJson = JSON.stringify(metadata);
  return {
    id,
    vector,
    text,
    image: known.image as ImageInput | undefined,
    document: written,
    metadata,
    metadataJson,
    bytes: recordBytes(name, id, vector, written, metadataJson, rules),
  };
}

function recordBytes(
  name: string,
  id: string,
  vector: StoreVector | undefined,
  document: string | undefined,
  metadataJson: string,
  { info, limits }: RecordRules,
): number {
  const documentBytes = document === undefined ? 0 : Buffer.byteLength(document);
  requireAtMost(limits.documentBytes, documentBytes, `the document of ${name}`);
  const metadataBytes = Buffer.byteLength(metadataJson);
  requireAtMost(limits.metadataBytes, metadataBytes, `the metadata of ${name} as JSON`);
  const values = vector && 'indices' in vector ? 2 * vector.indices.length : info.dims;
  const bytes = Buffer.byteLength(id) + documentBytes + metadataBytes + 4 * values;
  requireAtMost(limits.batchBytes, bytes, name);
  return bytes;
}

function requireAtMost(limit: number, bytes: number, name: string): void {
  if (bytes <= limit) return;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected at most ${limit} bytes for ${name} but received ${bytes}`,
  );
}

/** The last record of each id, in the order of those: what a store has after taking all of them in turn. */
export function lastOfEachId(records: readonly PreparedRecord[]): PreparedRecord[] {
  const byId = new Map<string, PreparedRecord>();
  for (const record of records) {
    byId.delete(record.id);
    byId.set(record.id, record);
  }
  return Array.from(byId.values());
}
