import type { AtomicFile } from '../../core/atomic-file.js';
import { floatLists, openParquetWriter, type ParquetColumn } from '../../files/parquet-writer.js';
import { type EncodedTexts, type RowLabels, Written } from './rows.js';
import type { SinkState, VectorSink } from './vector-sink.js';

const INDEX: ParquetColumn = [{ name: 'index', type: 'INT64', repetition_type: 'REQUIRED' }];
const PLACE: readonly ParquetColumn[] = [
  [{ name: 'start', type: 'INT32', repetition_type: 'REQUIRED' }],
  [{ name: 'end', type: 'INT32', repetition_type: 'REQUIRED' }],
];
const TEXT: ParquetColumn = [
  { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
];

/**
 * Vectors as a Parquet file: `index` (int64), `start` and `end` (int32) of chunks, `text` (string) if wanted, `embedding`
 * (list of float). Every write is a row group, so that what is on the disk can be continued.
 */
export async function parquetSink(
  file: AtomicFile,
  labels: RowLabels,
  state: SinkState | undefined,
): Promise<VectorSink> {
  const columns = [
    INDEX,
    ...(labels.chunks ? PLACE : []),
    ...(labels.text ? [TEXT] : []),
    floatLists('embedding'),
  ];
  const { rows, footer = '[]' } = state ?? { rows: 0 };
  const writer = await openParquetWriter(file, columns, state && { rows, footer });
  const written = new Written(state);
  return {
    async write(window) {
      const { vectors } = window;
      const embedding = Array.from(vectors, (row) => Array.from(row));
      const labelled = [...labelColumns(window, labels, written.texts), embedding];
      // Texts without a chunk have no row, and a group without rows is none.
      if (vectors.rows > 0) await writer.write(vectors.rows, labelled);
      written.add(window);
    },
    async checkpoint() {
      await file.sync();
      return { bytes: file.bytes, ...written, footer: writer.footer() };
    },
    async close() {
      await writer.finish();
      await file.commit();
    },
    suspend: () => file.suspend(),
    discard: () => file.discard(),
  };
}

/** @param before texts that have been written */
function labelColumns({ texts, chunks }: EncodedTexts, labels: RowLabels, before: number): unknown[][] {
  if (!chunks) {
    const index = Array.from(texts, (_, i) => BigInt(before + i));
    return [index, ...(labels.text ? [[...texts]] : [])];
  }
  return [
    chunks.map(({ text }) => BigInt(before + text)),
    chunks.map(({ chunk }) => chunk.start),
    chunks.map(({ chunk }) => chunk.end),
    ...(labels.text ? [chunks.map(({ chunk }) => chunk.text)] : []),
  ];
}
