import type { Metadata, MetadataScalar, MetadataValue } from '../types.js';

/**
 * The JSON field with a record's metadata, sorted by type: `{ number: { year: 2020 }, strings: { tags: ['a'] } }`.
 * Milvus' comparisons are loose where types differ (Milvus Lite takes `true` for 1, and a comparison of a string with a
 * number makes `not` fail too); a path that only numbers have cannot meet anything else.
 */
export const METADATA_FIELD = 'metadata';

export const SCALAR_KINDS = { number: 'number', string: 'string', boolean: 'boolean' } as const;
/** Of arrays' elements. */
export const ELEMENT_KINDS = { number: 'numbers', string: 'strings', boolean: 'booleans' } as const;

type ScalarKind = keyof typeof SCALAR_KINDS;
type ElementKind = (typeof ELEMENT_KINDS)[ScalarKind];

type FieldsByKind = { [K in ScalarKind]: Record<string, MetadataScalar> } & {
  [K in ElementKind]: Record<string, MetadataScalar[]>;
} & {
  /** For arrays with elements of several types: each element's type, by its first letter. */
  mixed: Record<string, string>;
};

export type StoredMetadata = Partial<FieldsByKind> & {
  /** There is no document; the document's field holds an empty one, because not every server has nullable fields. */
  no_document?: true;
};

export function encodeMetadata(metadata: Metadata, hasDocument: boolean): StoredMetadata {
  const stored: StoredMetadata = hasDocument ? {} : { no_document: true };
  const put = <K extends keyof FieldsByKind>(kind: K, field: string, value: FieldsByKind[K][string]) => {
    const fields: FieldsByKind[K] = stored[kind] ?? ({} as FieldsByKind[K]);
    fields[field] = value;
    stored[kind] = fields;
  };
  for (const [field, value] of Object.entries(metadata)) {
    if (!isArray(value)) put(typeof value as ScalarKind, field, value);
    else if (value.length === 0) put('strings', field, []);
    else {
      const types = value.map((element) => typeof element as ScalarKind);
      const kinds = new Set(types);
      for (const kind of kinds)
        put(
          ELEMENT_KINDS[kind],
          field,
          value.filter((_, i) => types[i] === kind),
        );
      if (kinds.size > 1) put('mixed', field, types.map((type) => type[0]).join(''));
    }
  }
  return stored;
}

/**
 * A number as JSON and as a literal of expressions. Integers past 2^53 are written as floats in both: Milvus Lite
 * compares an integer of any length exactly, and no float is equal to `String(2 ** 60)`.
 */
export function numberText(value: number): string {
  const text = String(value);
  return Number.isSafeInteger(value) || /[.e]/.test(text) ? text : value.toExponential();
}

/** What may be an integer past 2^53. */
const LONG_NUMBER = /\d{16}/;

/** {@link StoredMetadata} as JSON. */
export function metadataJson(stored: StoredMetadata): string {
  const json = JSON.stringify(stored);
  return LONG_NUMBER.test(json) ? written(stored) : json;
}

function written(value: unknown): string {
  if (typeof value === 'number') return numberText(value);
  if (Array.isArray(value)) return `[${value.map(written).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(
    ([field, content]) => `${JSON.stringify(field)}:${written(content)}`,
  );
  return `{${fields.join()}}`;
}

export function decodeMetadata({ mixed = {}, no_document: _, ...kinds }: StoredMetadata): Metadata {
  const metadata: Record<string, MetadataValue> = {};
  for (const fields of Object.values(kinds)) Object.assign(metadata, fields);
  for (const [field, order] of Object.entries(mixed)) {
    const rest: Record<string, MetadataScalar[]> = {};
    for (const kind of Object.values(ELEMENT_KINDS)) {
      const fields = kinds[kind] ?? {};
      // Every object has a 'constructor', which may be a field as well.
      rest[kind[0]] = Object.hasOwn(fields, field) ? [...fields[field]] : [];
    }
    metadata[field] = Array.from(order, (kind) => rest[kind].shift() as MetadataScalar);
  }
  return metadata;
}

function isArray(value: MetadataValue): value is readonly MetadataScalar[] {
  return Array.isArray(value);
}
