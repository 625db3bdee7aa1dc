import { once } from 'node:events';
import { AtomicFile, type Destination } from '../../core/atomic-file.js';
import { EmbedlaneError } from '../../core/errors.js';
import { npyHeader } from '../../index/exchange/npy.js';
import { type EncodedTexts, type RowCounts, type RowLabels, Written } from './rows.js';
import type { VectorFormat } from './vector-format.js';

/** Where vectors go, window by window. */
export interface VectorSink {
  write(window: EncodedTexts): Promise<void>;
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
export interface SinkState extends RowCounts {
  bytes: number;
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

/**
 * Opens the place that vectors go to.
 *
 * @param out a file, or undefined for stdout
 */
export async function openSink(
  out: Destination | undefined,
  format: VectorFormat,
  labels: RowLabels,
  continued?: Continued,
): Promise<VectorSink> {
  if (out === undefined) {
    if (format === 'npy' || format === 'parquet') {
      throw new EmbedlaneError(
        'ERR_INVALID_ARG',
        `Expected a file for --out with --format ${format} but received none`,
      );
    }
    return stdoutSink(format, labels);
  }
  const state = continued?.state;
  const file = state
    ? await AtomicFile.reopen(out, continued.temporary, state.bytes)
    : await AtomicFile.create(out, continued?.temporary);
  if (format === 'parquet') {
    const { parquetSink } = await import('./parquet-sink.js');
    return parquetSink(file, labels, state);
  }
  return format === 'npy' ? npySink(file, state) : plainSink(file, format, labels, state);
}

function stdoutSink(format: VectorFormat, labels: RowLabels): VectorSink {
  const written = new Written(undefined);
  return {
    async write(window) {
      const content = encode(format, labels, window, written.texts);
      written.add(window);
      if (!process.stdout.write(content)) await once(process.stdout, 'drain');
    },
    async checkpoint() {
      return { bytes: 0, ...written };
    },
    async close() {},
    async suspend() {},
    async discard() {},
  };
}

function plainSink(
  file: AtomicFile,
  format: VectorFormat,
  labels: RowLabels,
  state: SinkState | undefined,
): VectorSink {
  const written = new Written(state);
  return {
    async write(window) {
      await file.append(encode(format, labels, window, written.texts));
      written.add(window);
    },
    ...endings(file, written),
  };
}

function npySink(file: AtomicFile, state: SinkState | undefined): VectorSink {
  const written = new Written(state);
  return {
    async write(window) {
      if (written.rows === 0) await file.append(npyHeader(0, window.vectors.dims));
      await file.append(bytesOf(window.vectors.data));
      written.add(window);
    },
    ...endings(file, written),
    async close() {
      const { rows, dims } = written;
      if (rows === 0) await file.append(npyHeader(0, 0));
      else await file.writeAt(npyHeader(rows, dims), 0);
      await file.commit();
    },
  };
}

/** What all files do alike when nothing more comes, for now or for ever. */
function endings(file: AtomicFile, written: Written): Omit<VectorSink, 'write'> {
  return {
    async checkpoint() {
      await file.sync();
      return { bytes: file.bytes, ...written };
    },
    close: () => file.commit(),
    suspend: () => file.suspend(),
    discard: () => file.discard(),
  };
}

/** @param before texts that have been written */
function encode(
  format: VectorFormat,
  labels: RowLabels,
  { texts, vectors, chunks }: EncodedTexts,
  before: number,
): Uint8Array | string {
  if (format === 'f32') return bytesOf(vectors.data);
  let lines = '';
  for (let row = 0; row < vectors.rows; row++) {
    const { text, chunk } = chunks?.[row] ?? { text: row, chunk: undefined };
    const line = {
      index: before + text,
      ...(chunk && { start: chunk.start, end: chunk.end }),
      ...(labels.text && { text: chunk?.text ?? texts[text] }),
      embedding: Array.from(vectors.row(row)),
    };
    lines += `${JSON.stringify(line)}\n`;
  }
  return lines;
}

function bytesOf(data: Float32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
