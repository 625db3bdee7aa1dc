import type { AtomicFile } from '../../core/atomic-file.js';
import { floatLists, openParquetWriter, type ParquetColumn } from '../../files/parquet-writer.js';
import type { SinkState, VectorSink } from './vector-sink.js';

const INDEX: ParquetColumn = [{ name: 'index', type: 'INT64', repetition_type: 'REQUIRED' }];
const TEXT: ParquetColumn = [
  { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
];

/**
 * Vectors as a Parquet file: `index` (int64), `text` (string) if wanted, `embedding` (list of float). Every write is
 * a row group, so that what is on the disk can be continued.
 */
export async function parquetSink(
  file: AtomicFile,
  includeText: boolean,
  state: SinkState | undefined,
): Promise<VectorSink> {
  const columns = [INDEX, ...(includeText ? [TEXT] : []), floatLists('embedding')];
  const { rows: before, footer = '[]' } = state ?? { rows: 0 };
  const writer = await openParquetWriter(file, columns, state && { rows: before, footer });
  let rows = before;
  let dims = state?.dims ?? 0;
  return {
    async write(texts, vectors) {
      const index = Array.from(texts, (_, i) => BigInt(rows + i));
      const embedding = Array.from(vectors, (row) => Array.from(row));
      await writer.write(vectors.rows, [index, ...(includeText ? [[...texts]] : []), embedding]);
      rows += vectors.rows;
      dims = vectors.dims;
    },
    async checkpoint() {
      await file.sync();
      return { bytes: file.bytes, rows, dims, footer: writer.footer() };
    },
    async close() {
      await writer.finish();
      await file.commit();
    },
    suspend: () => file.suspend(),
    discard: () => file.discard(),
  };
}
