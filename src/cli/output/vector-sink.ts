import { once } from 'node:events';
import { AtomicFile } from '../../core/atomic-file.js';
import type { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { npyHeader } from '../../index/index.js';

export const VECTOR_FORMATS = ['jsonl', 'npy', 'f32'] as const;
export type VectorFormat = (typeof VECTOR_FORMATS)[number];

/** Where vectors go, window by window. */
export interface VectorSink {
  write(texts: readonly string[], vectors: Embeddings): Promise<void>;
  /** Completes the output. */
  close(): Promise<void>;
  /** Leaves nothing half-written behind; harmless after {@link close}. */
  discard(): Promise<void>;
}

/** The format that a file's name asks for: `.npy`, `.f32` / `.bin`, else JSON lines. */
export function formatOf(path: string | undefined): VectorFormat {
  if (path?.endsWith('.npy')) return 'npy';
  if (path?.endsWith('.f32') || path?.endsWith('.bin')) return 'f32';
  return 'jsonl';
}

/**
 * Opens the place that vectors go to.
 *
 * @param path a file, or undefined for stdout
 * @param includeText whether JSON lines repeat the text beside its vector
 */
export async function openSink(
  path: string | undefined,
  format: VectorFormat,
  includeText: boolean,
): Promise<VectorSink> {
  if (path === undefined) {
    if (format === 'npy') {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        'Expected a file for --out with --format npy but received none',
      );
    }
    return stdoutSink(format, includeText);
  }
  const file = await AtomicFile.create(path);
  return format === 'npy' ? npySink(file) : plainSink(file, format, includeText);
}

function stdoutSink(format: VectorFormat, includeText: boolean): VectorSink {
  const encode = encoder(format, includeText);
  return {
    async write(texts, vectors) {
      if (!process.stdout.write(encode(texts, vectors))) await once(process.stdout, 'drain');
    },
    async close() {},
    async discard() {},
  };
}

function plainSink(file: AtomicFile, format: VectorFormat, includeText: boolean): VectorSink {
  const encode = encoder(format, includeText);
  return {
    write: (texts, vectors) => file.append(encode(texts, vectors)),
    close: () => file.commit(),
    discard: () => file.discard(),
  };
}

function npySink(file: AtomicFile): VectorSink {
  let rows = 0;
  let dims = 0;
  return {
    async write(_texts, vectors) {
      if (rows === 0) await file.append(npyHeader(0, vectors.dims));
      await file.append(bytesOf(vectors.data));
      rows += vectors.rows;
      dims = vectors.dims;
    },
    async close() {
      if (rows === 0) await file.append(npyHeader(0, 0));
      else await file.writeAt(npyHeader(rows, dims), 0);
      await file.commit();
    },
    discard: () => file.discard(),
  };
}

function encoder(format: VectorFormat, includeText: boolean) {
  let index = 0;
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
