import { once } from 'node:events';
import { AtomicFile } from '../../core/atomic-file.js';
import type { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { npyHeader } from '../../index/index.js';
import { parquetSink } from './parquet-sink.js';

export const VECTOR_FORMATS = ['jsonl', 'npy', 'f32', 'parquet'] as const;
export type VectorFormat = (typeof VECTOR_FORMATS)[number];

/** Where vectors go, window by window. */
export interface VectorSink {
  write(texts: readonly string[], vectors: Embeddings): Promise<void>;
  /** Brings everything to the disk and says with what to go on from there. */
  checkpoint(): Promise<SinkState>;
  /** Completes the output. */
  close(): Promise<void>;
  /** Leaves what there is for a later process. */
  suspend(): Promise<void>;
  /** Leaves nothing half-written behind; harmless after {@link close}. */
  discard(): Promise<void>;
}

/** How far an output is. */
export interface SinkState {
  bytes: number;
  rows: number;
  dims: number;
  /** What a format needs to know of all that came before, in JSON. */
  footer?: string;
}

/** A file that is written in several goes. */
export interface Continued {
  /** Where it is until it is complete. */
  temporary: string;
  /** How far it is already. */
  state: SinkState | undefined;
}

/** The format that a file's name asks for: `.npy`, `.parquet`, `.f32` / `.bin`, else JSON lines. */
export function formatOf(path: string | undefined): VectorFormat {
  if (path?.endsWith('.npy')) return 'npy';
  if (path?.endsWith('.parquet')) return 'parquet';
  if (path?.endsWith('.f32') || path?.endsWith('.bin')) return 'f32';
  return 'jsonl';
}

/**
 * Opens the place that vectors go to.
 *
 * @param path a file, or undefined for stdout
 * @param includeText whether JSON lines and Parquet repeat the text beside its vector
 */
export async function openSink(
  path: string | undefined,
  format: VectorFormat,
  includeText: boolean,
  continued?: Continued,
): Promise<VectorSink> {
  if (path === undefined) {
    if (format === 'npy' || format === 'parquet') {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected a file for --out with --format ${format} but received none`,
      );
    }
    return stdoutSink(format, includeText);
  }
  const state = continued?.state;
  const file = state
    ? await AtomicFile.reopen(path, continued.temporary, state.bytes)
    : await AtomicFile.create(path, continued?.temporary);
  if (format === 'parquet') return parquetSink(file, includeText, state);
  return format === 'npy' ? npySink(file, state) : plainSink(file, format, includeText, state);
}

function stdoutSink(format: VectorFormat, includeText: boolean): VectorSink {
  const encode = encoder(format, includeText, 0);
  return {
    async write(texts, vectors) {
      if (!process.stdout.write(encode(texts, vectors))) await once(process.stdout, 'drain');
    },
    async checkpoint() {
      return { bytes: 0, rows: 0, dims: 0 };
    },
    async close() {},
    async suspend() {},
    async discard() {},
  };
}

function plainSink(
  file: AtomicFile,
  format: VectorFormat,
  includeText: boolean,
  state: SinkState | undefined,
): VectorSink {
  let { rows, dims } = state ?? { rows: 0, dims: 0 };
  const encode = encoder(format, includeText, rows);
  return {
    async write(texts, vectors) {
      await file.append(encode(texts, vectors));
      rows += vectors.rows;
      dims = vectors.dims;
    },
    ...endings(file, () => ({ rows, dims })),
  };
}

function npySink(file: AtomicFile, state: SinkState | undefined): VectorSink {
  let { rows, dims } = state ?? { rows: 0, dims: 0 };
  return {
    async write(_texts, vectors) {
      if (rows === 0) await file.append(npyHeader(0, vectors.dims));
      await file.append(bytesOf(vectors.data));
      rows += vectors.rows;
      dims = vectors.dims;
    },
    ...endings(file, () => ({ rows, dims })),
    async close() {
      if (rows === 0) await file.append(npyHeader(0, 0));
      else await file.writeAt(npyHeader(rows, dims), 0);
      await file.commit();
    },
  };
}

/** What all files do alike when nothing more comes, for now or for ever. */
function endings(
  file: AtomicFile,
  progress: () => Pick<SinkState, 'rows' | 'dims'>,
): Omit<VectorSink, 'write'> {
  return {
    async checkpoint() {
      await file.sync();
      return { bytes: file.bytes, ...progress() };
    },
    close: () => file.commit(),
    suspend: () => file.suspend(),
    discard: () => file.discard(),
  };
}

function encoder(format: VectorFormat, includeText: boolean, firstIndex: number) {
  let index = firstIndex;
  return (texts: readonly string[], vectors: Embeddings): Uint8Array | string => {
    if (format === 'f32') return bytesOf(vectors.data);
    let lines = '';
    for (let row = 0; row < vectors.rows; row++, index++) {
      const embedding = Array.from(vectors.row(row));
      lines += `${JSON.stringify(includeText ? { index, text: texts[row], embedding } : { index, embedding })}\n`;
    }
    return lines;
  };
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
