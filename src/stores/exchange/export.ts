import { AtomicFile } from '../../core/atomic-file.js';
import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import type { OnProgress } from '../../core/progress.js';
import { optionalFunction, optionalSignal, optionsObject } from '../../core/validate.js';
import { floatLists, openParquetWriter, type ParquetColumn } from '../../files/parquet-writer.js';
import { npyHeader } from '../../index/index.js';
import type { StoreFilter } from '../filter/expression.js';
import type { CollectionInfo, StoredRecord, StoreVector, VectorStore } from '../types.js';
import { companionOf, recordFormat } from './formats.js';

export interface ExportOptions {
  /** Only records that match. */
  filter?: StoreFilter;
  signal?: AbortSignal;
  onProgress?: OnProgress;
}

/** Bytes of vectors in a row group, and in memory. */
const GROUP_BYTES = 4 * 2 ** 20;
const MAX_GROUP = 5000;

/**
 * Writes the records of a store to a file, by ascending id. The file appears under its name when it is complete.
 *
 * - `.jsonl`: one `{ id, vector, document?, metadata }` a line; bits as 0 and 1, sparse vectors as
 *   `{ indices, values }`;
 * - `.parquet`: the columns `id`, `vector` (list of float; of `'b1'`, packed bytes), `document` and `metadata` (JSON);
 * - `.npy`: the vectors, and beside it a `.jsonl` with the rest, line for row.
 *
 * @returns how many records were written
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for another format, or one that cannot hold the vectors; `ERR_NOT_FOUND`
 * without a collection; `ERR_IO`
 */
export async function exportRecords(
  store: VectorStore,
  path: string,
  options?: ExportOptions,
): Promise<number> {
  const known = optionsObject('options', options, ['filter', 'signal', 'onProgress']);
  const signal = optionalSignal('options.signal', known.signal);
  const onProgress = optionalFunction('options.onProgress', known.onProgress);
  if (typeof store?.scroll !== 'function') throw invalidArgument('store', 'a store', store);
  const format = recordFormat('path', path);
  const info = await store.info({ signal });
  if (info === undefined)
    throw new EmbedlaneError('ERR_NOT_FOUND', 'Expected a collection to export for store but there is none');
  const onlyDense = info.dtype !== 'b1' && info.dtype !== 'sparse';
  if (info.dtype === 'sparse' ? format !== 'jsonl' : format === 'npy' && !onlyDense) {
    const fits = info.dtype === 'b1' ? '.jsonl or .parquet' : '.jsonl';
    throw invalidArgument('path', `a file that ends with ${fits} for vectors of '${info.dtype}'`, path);
  }
  const total = await store.count({ filter: known.filter, signal });
  const batchSize = Math.max(1, Math.min(MAX_GROUP, Math.floor(GROUP_BYTES / (4 * info.dims))));
  const include = ['vector', 'document', 'metadata'] as const;
  const records = store.scroll({ filter: known.filter, include, batchSize, signal });
  const open = { jsonl: openJsonl, parquet: openParquet, npy: openNpy }[format];
  const sink = await open(path, info);
  let completed = 0;
  const group: StoredRecord[] = [];
  const flush = async () => {
    if (group.length === 0) return;
    await sink.write(group);
    completed += group.length;
    group.length = 0;
    onProgress?.({ completed, total: Math.max(completed, total) });
  };
  try {
    for await (const record of records) {
      // One that went between its page and its vector.
      if (record.vector === undefined) continue;
      group.push(record);
      if (group.length === batchSize) await flush();
    }
    await flush();
    await sink.close();
    return completed;
  } catch (error) {
    await sink.discard();
    throw error;
  }
}

interface Sink {
  write(records: readonly StoredRecord[]): Promise<void>;
  close(): Promise<void>;
  discard(): Promise<void>;
}

async function openJsonl(path: string, info: CollectionInfo): Promise<Sink> {
  const file = await AtomicFile.create(path);
  return {
    write: (records) =>
      file.append(
        records.map((record) => jsonLine({ ...record, vector: plain(record.vector, info) })).join(''),
      ),
    close: () => file.commit(),
    discard: () => file.discard(),
  };
}

const jsonLine = ({
  id,
  vector,
  document,
  metadata = {},
}: { vector?: unknown } & Omit<StoredRecord, 'vector'>) =>
  `${JSON.stringify({ id, vector, document, metadata })}\n`;

function plain(vector: StoreVector | undefined, { dtype, dims }: CollectionInfo): unknown {
  if (vector === undefined) return undefined;
  if ('indices' in vector) return { indices: Array.from(vector.indices), values: Array.from(vector.values) };
  if (dtype !== 'b1') return Array.from(vector);
  return Array.from({ length: dims }, (_, i) => (vector[i >> 3] >> (7 - (i & 7))) & 1);
}

async function openParquet(path: string, { dtype }: CollectionInfo): Promise<Sink> {
  const file = await AtomicFile.create(path);
  const text = (name: string, repetition_type: 'REQUIRED' | 'OPTIONAL', converted_type: 'UTF8' | 'JSON') =>
    [{ name, type: 'BYTE_ARRAY', converted_type, repetition_type }] as const;
  const vector: ParquetColumn =
    dtype === 'b1'
      ? [{ name: 'vector', type: 'BYTE_ARRAY', repetition_type: 'REQUIRED' }]
      : floatLists('vector');
  const columns = [
    text('id', 'REQUIRED', 'UTF8'),
    vector,
    text('document', 'OPTIONAL', 'UTF8'),
    text('metadata', 'REQUIRED', 'JSON'),
  ];
  const writer = await discardingOnError([file], () => openParquetWriter(file, columns));
  return {
    write: (records) =>
      writer.write(records.length, [
        records.map(({ id }) => id),
        records.map((record) => (dtype === 'b1' ? record.vector : Array.from(record.vector as Float32Array))),
        records.map(({ document }) => document ?? null),
        records.map(({ metadata }) => metadata ?? {}),
      ]),
    async close() {
      await writer.finish();
      await file.commit();
    },
    discard: () => file.discard(),
  };
}

async function openNpy(path: string, { dims }: CollectionInfo): Promise<Sink> {
  const rest = await AtomicFile.create(companionOf(path));
  const file = await discardingOnError([rest], () => AtomicFile.create(path));
  await discardingOnError([file, rest], () => file.append(npyHeader(0, dims)));
  let rows = 0;
  return {
    async write(records) {
      const values = new Float32Array(records.length * dims);
      for (const [i, { vector }] of records.entries()) values.set(vector as Float32Array, i * dims);
      await file.append(new Uint8Array(values.buffer));
      await rest.append(records.map((record) => jsonLine({ ...record, vector: undefined })).join(''));
      rows += records.length;
    },
    async close() {
      await file.writeAt(npyHeader(rows, dims), 0);
      await rest.commit();
      await file.commit();
    },
    async discard() {
      await file.discard();
      await rest.discard();
    },
  };
}

/** Leaves nothing of `files` behind if `work` fails. */
async function discardingOnError<T>(files: readonly AtomicFile[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await Promise.all(files.map((file) => file.discard()));
    throw error;
  }
}
