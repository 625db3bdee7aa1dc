import type { RowGroup, SchemaElement } from 'hyparquet';
import type { AtomicFile } from '../../core/atomic-file.js';
import type { Embeddings } from '../../core/embeddings.js';
import type { SinkState, VectorSink } from './vector-sink.js';

/**
 * Vectors as a Parquet file: `index` (int64), `text` (string) if wanted, `embedding` (list of float). Every write is
 * a row group, so that what is on the disk can be continued: only the footer, which comes last, knows of all.
 */
export async function parquetSink(
  file: AtomicFile,
  includeText: boolean,
  state: SinkState | undefined,
): Promise<VectorSink> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  const schema = includeText ? SCHEMA : SCHEMA.filter(({ name }) => name !== 'text');
  // Hardly any embedding compresses, and Snappy takes longer than writing them.
  const writer = new ParquetWriter({
    ...{ writer: bytes, schema: schema.map(withChildren(includeText)), codec: 'UNCOMPRESSED' },
    ...{ statistics: false, createdBy: 'embedlane' },
  });
  let rows = 0;
  let dims = 0;
  if (state) {
    ({ rows, dims } = state);
    bytes.index = 0;
    bytes.offset = file.bytes;
    writer.row_groups = JSON.parse(state.footer ?? '[]', reviveBigInt) as RowGroup[];
    writer.num_rows = BigInt(rows);
  }
  const flush = async () => {
    await file.append(bytes.getBytes());
    bytes.index = 0;
  };
  return {
    async write(texts, vectors) {
      const options = { columnIndex: false, offsetIndex: false, encoding: 'PLAIN' } as const;
      const columns = [
        { name: 'index', data: Array.from(texts, (_, i) => BigInt(rows + i)), ...options },
        ...(includeText ? [{ name: 'text', data: [...texts], ...options }] : []),
        { name: 'embedding', data: lists(vectors), ...options },
      ];
      await writer.write({ columnData: columns, rowGroupSize: Math.max(1, vectors.rows) });
      rows += vectors.rows;
      dims = vectors.dims;
      await flush();
    },
    async checkpoint() {
      await file.sync();
      return { bytes: file.bytes, rows, dims, footer: JSON.stringify(writer.row_groups, replaceBigInt) };
    },
    async close() {
      writer.pendingIndexes = [];
      writer.finish();
      await flush();
      await file.commit();
    },
    suspend: () => file.suspend(),
    discard: () => file.discard(),
  };
}

/** The standard's three levels of a list. */
const SCHEMA: SchemaElement[] = [
  { name: 'root' },
  { name: 'index', type: 'INT64', repetition_type: 'REQUIRED' },
  { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
  { name: 'embedding', converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
];

function withChildren(includeText: boolean) {
  return (element: SchemaElement): SchemaElement =>
    element.name === 'root' ? { ...element, num_children: includeText ? 3 : 2 } : element;
}

function lists(vectors: Embeddings): number[][] {
  return Array.from(vectors, (row) => Array.from(row));
}

const BIGINT = /^(-?\d+)n$/;

function replaceBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

function reviveBigInt(_key: string, value: unknown): unknown {
  const match = typeof value === 'string' ? BIGINT.exec(value) : null;
  return match ? BigInt(match[1]) : value;
}
