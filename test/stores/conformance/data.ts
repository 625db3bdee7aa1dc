import type { Metadata, MetadataValue, StoreFilter } from 'embedlane/stores';
import { Random } from '../../native/random.js';

export const DIMS = 16;

export interface Sample {
  id: string;
  vector: Float32Array;
  document: string;
  metadata: Metadata;
}

/** Values that mean something in SQL, in JSON, in Milvus' expressions, in patterns or in templates. */
export const HOSTILE_VALUES = [
  `'; DROP TABLE records; --`,
  `" or 1 == 1 or "`,
  `\\`,
  `\\"`,
  `'`,
  `''`,
  `%`,
  `_`,
  `$1`,
  `?`,
  `{value}`,
  `\${value}`,
  `:value`,
  `null`,
  `true`,
  `1`,
  ``,
  ` `,
  `line\nbreak\ttab`,
  `\u2028`,
  `é`,
  `e\u0301`,
  `日本語`,
  `😀`,
  `\u{10ffff}`,
];

/** Names of fields that are words of query languages or of the stores' own columns. */
export const HOSTILE_FIELDS = [
  'id',
  'vector',
  'document',
  'metadata',
  'select',
  'and',
  'a.b',
  'a b',
  'a-b',
  '1st',
  '0',
  'größe',
  '年',
  'constructor',
  'toString',
];

/** Ids that compare differently by bytes than by letters, by trimming, or by UTF-16 units. */
export const HOSTILE_IDS = [
  'Case',
  'case',
  'case ',
  ' case',
  `o'id`,
  `"id"`,
  'id;--',
  '%',
  '_',
  '\\',
  'é',
  'e\u0301',
  '日本',
  '\uffee',
  '😀',
  'x'.repeat(512),
];

const LANGUAGES = ['de', 'en', 'fr', 'en-GB'];
const TAGS = ['red', 'green', 'blue', `it's`];
const WORDS = ['river', 'mountain', 'cloud', 'stone', 'forest', 'harbour', 'lantern'];

/** Records with every kind of metadata, some of it missing and some of another type than elsewhere. */
export function samples(count: number, seed = 1): Sample[] {
  const random = new Random(seed);
  const below = (limit: number) => random.below(limit);
  return Array.from({ length: count }, (_, i) => {
    const metadata: Record<string, MetadataValue> = {
      place: i,
      year: 2000 + below(25),
      price: below(1000) / 8 - 20,
      flag: below(2) === 0,
    };
    if (below(4) > 0) metadata.lang = LANGUAGES[below(LANGUAGES.length)];
    if (below(3) > 0) metadata.tags = TAGS.filter(() => below(2) === 0);
    metadata.mixed = [i % 3, String(i % 3), i % 3 === 1, [i % 3, String(i % 3), true]][i % 4];
    metadata.hostile = HOSTILE_VALUES[i % HOSTILE_VALUES.length];
    metadata[HOSTILE_FIELDS[i % HOSTILE_FIELDS.length]] = i % 7;
    return {
      id: i < HOSTILE_IDS.length ? HOSTILE_IDS[i] : `id-${i}`,
      vector: random.vector(DIMS),
      document: `${WORDS[below(WORDS.length)]} ${WORDS[below(WORDS.length)]} number${i}`,
      metadata,
    };
  });
}

const range = (field: string, bounds: object) => ({ field, ...bounds }) as StoreFilter;

/** Filters of every form over {@link samples}. */
export const FILTERS: Record<string, StoreFilter> = {
  'eq number': { field: 'year', eq: 2007 },
  'eq fraction': { field: 'price', eq: 12.5 },
  'eq string': { field: 'lang', eq: 'en' },
  'eq true': { field: 'flag', eq: true },
  'eq false': { field: 'flag', eq: false },
  'eq of a missing field': { field: 'nowhere', eq: 1 },
  'eq of another type': { field: 'year', eq: '2007' },
  'eq among types, number': { field: 'mixed', eq: 1 },
  'eq among types, string': { field: 'mixed', eq: '1' },
  'eq among types, boolean': { field: 'mixed', eq: true },
  'ne includes records without the field': { field: 'lang', ne: 'en' },
  'ne of a missing field': { field: 'nowhere', ne: 1 },
  'ne of another type': { field: 'mixed', ne: 1 },
  in: { field: 'lang', in: ['de', 'fr'] },
  'in, mixed types': { field: 'mixed', in: [0, '2', true] },
  'in nothing': { field: 'lang', in: [] },
  'not in': { not: { field: 'lang', in: ['de', 'fr'] } },
  gt: range('year', { gt: 2012 }),
  gte: range('price', { gte: 12.5 }),
  lt: range('price', { lt: -0.125 }),
  lte: range('year', { lte: 2003 }),
  between: range('year', { gte: 2005, lt: 2010 }),
  'empty range': range('year', { gt: 2010, lt: 2005 }),
  'range of strings': range('lang', { gte: 'en', lt: 'f' }),
  'range of numbers among types': range('mixed', { gte: 1 }),
  'range of strings among types': range('mixed', { gte: '1' }),
  'not a range': { not: range('mixed', { gte: 1 }) },
  contains: { field: 'tags', contains: 'red' },
  'contains, quoted': { field: 'tags', contains: `it's` },
  'contains, number among types': { field: 'mixed', contains: 2 },
  'contains, string among types': { field: 'mixed', contains: '2' },
  'contains, boolean': { field: 'mixed', contains: true },
  'contains of a string': { field: 'lang', contains: 'e' },
  'not contains': { not: { field: 'tags', contains: 'red' } },
  and: { and: [{ field: 'flag', eq: true }, range('year', { gte: 2010 }), { field: 'lang', ne: 'fr' }] },
  or: { or: [{ field: 'lang', eq: 'de' }, range('price', { gt: 90 }), { field: 'tags', contains: 'blue' }] },
  not: { not: { or: [{ field: 'lang', eq: 'de' }, { not: { field: 'flag', eq: true } }] } },
  'empty and': { and: [] },
  'empty or': { or: [] },
  'nested 30 deep': Array.from({ length: 30 }).reduce<StoreFilter>((inner) => ({ not: inner }), {
    field: 'flag',
    eq: true,
  }),
  ...Object.fromEntries(
    HOSTILE_VALUES.flatMap((value, i) => [
      [`hostile value ${i}: eq`, { field: 'hostile', eq: value }],
      [`hostile value ${i}: in`, { field: 'hostile', in: [value, 'other'] }],
    ]),
  ),
  'hostile value, range': range('hostile', { gte: 'é' }),
  'hostile value, range of astral characters': range('hostile', { gt: '\uffee' }),
  ...Object.fromEntries(
    HOSTILE_FIELDS.map((field) => [`hostile field '${field}'`, range(field, { gte: 3 })]),
  ),
};
