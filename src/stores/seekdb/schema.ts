import { EmbedlaneError } from '../../core/errors.js';
import type { IndexSpec } from '../base/engine.js';
import type { CollectionInfo, StoreDtype, StoreIndexType, StoreMetric } from '../types.js';
import { raw, type Sql, sql } from './sql.js';

/** How full text is cut into words. */
export const PARSERS = ['space', 'ngram', 'beng', 'ik'] as const;
export type SeekdbParser = (typeof PARSERS)[number];

/** Dimensions of an index of vectors; a column may have more. */
const MAX_INDEXED_DIMS = 4096;
/** Of sparse vectors. */
const MAX_SPARSE_DIMS = 500_000;
const NOTE = /^embedlane (\{.*\})$/;

const DISTANCES: Partial<Record<StoreMetric, string>> = { cosine: 'cosine', dot: 'inner_product', l2: 'l2' };

/** What a table's comment says. */
export interface TableNote {
  readonly dims: number;
  readonly metric: StoreMetric;
  readonly dtype: StoreDtype;
  readonly index: StoreIndexType;
  readonly fullText: boolean;
}

/**
 * Ids are bytes, because text is compared without regard to trailing spaces. Sparse vectors are kept twice: SQL gives
 * back six digits of their numbers.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for what seekdb cannot index
 */
export function createTable(
  table: Sql,
  info: CollectionInfo,
  index: IndexSpec,
  parser: SeekdbParser | undefined,
): Sql {
  const isSparse = info.dtype === 'sparse';
  const type = index.type === 'auto' ? (isSparse ? 'auto' : 'hnsw') : index.type;
  requireIndexable(info, type);
  const note: TableNote = { ...info, index: type, fullText: parser !== undefined };
  const parts = [
    'id VARBINARY(512) NOT NULL PRIMARY KEY',
    `vector ${isSparse ? 'SPARSEVECTOR' : `VECTOR(${info.dims})`} NOT NULL`,
    'document LONGTEXT',
    'metadata JSON NOT NULL',
    ...(isSparse ? ['packed LONGBLOB NOT NULL'] : []),
    ...(type === 'flat'
      ? []
      : [`VECTOR INDEX vector_index (vector) WITH (${indexOptions(info, type, index)})`]),
    ...(parser === undefined ? [] : [`FULLTEXT INDEX words (document) WITH PARSER ${parser}`]),
  ];
  return sql`CREATE TABLE ${table} (${raw(parts.join(', '))}) COMMENT = ${`embedlane ${JSON.stringify(note)}`}`;
}

function indexOptions(
  { metric }: CollectionInfo,
  type: StoreIndexType,
  { m, efConstruction, lists }: IndexSpec,
) {
  const distance = `distance=${DISTANCES[metric]}`;
  if (type === 'ivf')
    return `${distance}, type=ivf_flat, lib=ob${lists === undefined ? '' : `, nlist=${lists}`}`;
  if (type === 'auto') return `${distance}, type=sindi, lib=vsag`;
  const graph = [
    ...(m === undefined ? [] : [`m=${m}`]),
    ...(efConstruction === undefined ? [] : [`ef_construction=${efConstruction}`]),
  ];
  return [distance, `type=${type}`, 'lib=vsag', ...graph].join(', ');
}

function requireIndexable({ dims, dtype }: CollectionInfo, type: StoreIndexType): void {
  const most = dtype === 'sparse' ? MAX_SPARSE_DIMS : MAX_INDEXED_DIMS;
  if ((dtype === 'sparse' || type !== 'flat') && dims > most) {
    const otherwise = dtype === 'sparse' ? '' : ", or index.type 'flat',";
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected at most ${most} dimensions, as seekdb has${otherwise} for options.dims but received ${dims}`,
    );
  }
  if (dtype === 'sparse' && type !== 'auto' && type !== 'flat') {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected one of auto, flat, which seekdb has for 'sparse', for options.index.type but received '${type}'`,
    );
  }
}

/** @throws {EmbedlaneError} `ERR_CONFLICT` for a table that {@link createTable} has not made */
export function readNote(name: string, comment: string): TableNote {
  const found = NOTE.exec(comment);
  try {
    if (found !== null) return JSON.parse(found[1]) as TableNote;
  } catch {
    // Not a note either.
  }
  throw new EmbedlaneError(
    'ERR_CONFLICT',
    `Expected a table made by embedlane at '${name}' but received one of somebody else`,
  );
}
