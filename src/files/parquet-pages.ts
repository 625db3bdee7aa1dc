import type { AsyncBuffer, ColumnMetaData, FileMetaData } from 'hyparquet';

/** Where a data page is, as an offset index says it: its header included. */
interface PageLocation {
  readonly offset: bigint;
  readonly compressed_page_size: number;
  /** Within its row group. */
  readonly first_row_index: bigint;
}

/** Where a file's rows can be cut, so that no page is decoded but those of the rows that are read. */
export interface ParquetPages {
  /** Of each row group, by the column's path joined with dots; nested columns are left out. */
  readonly locations: readonly Readonly<Record<string, PageLocation[]>>[];
  /** First rows of pages, and the number of rows of the file: ascending. */
  readonly bounds: readonly number[];
}

/** The first row after those that share all of their pages with row `row`. */
export function endOfPage({ bounds }: ParquetPages, row: number): number {
  return bounds.find((bound) => bound > row) ?? row + 1;
}

/** Finds the pages of columns in the row groups that have rows from `start` up to `end`: reads their headers only. */
export async function findPages(
  file: AsyncBuffer,
  { row_groups: groups }: FileMetaData,
  { columns, start, end }: { columns: readonly string[]; start: number; end: number },
): Promise<ParquetPages> {
  const locations: Record<string, PageLocation[]>[] = [];
  const bounds = new Set<number>();
  let groupStart = 0;
  for (const group of groups) {
    const found: Record<string, PageLocation[]> = {};
    const groupEnd = groupStart + Number(group.num_rows);
    if (groupEnd > start && groupStart < end) {
      for (const { meta_data: column } of group.columns) {
        if (column === undefined || !columns.includes(column.path_in_schema[0])) continue;
        const pages = column.path_in_schema.length === 1 ? await pagesOf(file, column) : [];
        if (pages.length > 0) found[column.path_in_schema[0]] = pages;
        for (const page of pages) bounds.add(groupStart + Number(page.first_row_index));
      }
    }
    locations.push(found);
    bounds.add(groupStart);
    groupStart = groupEnd;
  }
  bounds.add(groupStart);
  return { locations, bounds: Array.from(bounds).sort((a, b) => a - b) };
}

/** The data pages of a column of which every row has one value. */
async function pagesOf(file: AsyncBuffer, column: ColumnMetaData): Promise<PageLocation[]> {
  const { parquetHeader } = await import('hyparquet/src/column.js');
  const start = column.dictionary_page_offset || column.data_page_offset;
  const bytes = await file.slice(Number(start), Number(start + column.total_compressed_size));
  const reader = { view: new DataView(bytes), offset: 0 };
  const pages: PageLocation[] = [];
  let row = 0;
  while (row < Number(column.num_values) && reader.offset < bytes.byteLength) {
    const at = reader.offset;
    const header = parquetHeader(reader);
    reader.offset += header.compressed_page_size;
    const rows = header.data_page_header_v2?.num_rows ?? header.data_page_header?.num_values;
    if (rows === undefined) continue;
    pages.push({
      offset: start + BigInt(at),
      compressed_page_size: reader.offset - at,
      first_row_index: BigInt(row),
    });
    row += rows;
  }
  return pages;
}
