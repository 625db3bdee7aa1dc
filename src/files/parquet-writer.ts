import type { RowGroup, SchemaElement } from 'hyparquet';
import type { AtomicFile } from '../core/atomic-file.js';

/** A column: its definition, of which the first element has its name. */
export type ParquetColumn = readonly SchemaElement[];

/** A column of `list<float>` in the standard's three levels. */
export const floatLists = (name: string): ParquetColumn => [
  { name, converted_type: 'LIST', repetition_type: 'REQUIRED', num_children: 1 },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
];

/** What a writer must know of all that came before, to go on with a file. */
export interface ParquetState {
  rows: number;
  /** In JSON: row groups are full of 64-bit integers. */
  footer: string;
}

/** Writes a Parquet file row group by row group. Only the footer, which comes last, knows of all of them. */
export async function openParquetWriter(
  file: AtomicFile,
  columns: readonly ParquetColumn[],
  state?: ParquetState,
) {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer');
  const bytes = new ByteWriter();
  // Hardly any embedding compresses, and Snappy takes longer than writing them.
  const writer = new ParquetWriter({
    writer: bytes,
    schema: [{ name: 'root', num_children: columns.length }, ...columns.flat()],
    codec: 'UNCOMPRESSED',
    statistics: false,
    createdBy: 'embedlane',
  });
  if (state) {
    bytes.index = 0;
    bytes.offset = file.bytes;
    writer.row_groups = JSON.parse(state.footer, reviveBigInt) as RowGroup[];
    writer.num_rows = BigInt(state.rows);
  }
  const flush = async () => {
    await file.append(bytes.getBytes());
    bytes.index = 0;
  };
  return {
    /** @param data one array for each column */
    async write(rows: number, data: readonly unknown[][]): Promise<void> {
      const options = { columnIndex: false, offsetIndex: false, encoding: 'PLAIN' } as const;
      const columnData = columns.map(([{ name }], i) => ({ name, data: data[i], ...options }));
      await writer.write({ columnData, rowGroupSize: Math.max(1, rows) });
      await flush();
    },
    footer: () => JSON.stringify(writer.row_groups, replaceBigInt),
    /** Writes the footer; to commit the file is the caller's. */
    async finish(): Promise<void> {
      writer.pendingIndexes = [];
      writer.finish();
      await flush();
    },
  };
}

const BIGINT = /^(-?\d+)n$/;

function replaceBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

function reviveBigInt(_key: string, value: unknown): unknown {
  const match = typeof value === 'string' ? BIGINT.exec(value) : null;
  return match ? BigInt(match[1]) : value;
}
