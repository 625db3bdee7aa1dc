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
    stored[kind] = { ...stored[kind], [field]: value } as FieldsByKind[K];
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

export function decodeMetadata({ mixed = {}, no_document: _, ...kinds }: StoredMetadata): Metadata {
  const metadata: Record<string, MetadataValue> = {};
  for (const fields of Object.values(kinds)) Object.assign(metadata, fields);
  for (const [field, order] of Object.entries(mixed)) {
    const rest: Record<string, MetadataScalar[]> = {};
    for (const kind of Object.values(ELEMENT_KINDS)) rest[kind[0]] = [...(kinds[kind]?.[field] ?? [])];
    metadata[field] = Array.from(order, (kind) => rest[kind].shift() as MetadataScalar);
  }
  return metadata;
}

function isArray(value: MetadataValue): value is readonly MetadataScalar[] {
  return Array.isArray(value);
}
