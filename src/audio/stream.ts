import { Embeddings } from '../core/embeddings.js';
import { invalidArgument, withCallerStack } from '../core/errors.js';
import { Interruptible } from '../core/interruptible.js';
import { isTyped } from '../core/realms.js';
import { iterable, until } from '../core/stream-parts.js';
import { typedArray } from '../core/validate.js';
import type { Lane } from '../runtime/index.js';
import { named } from './encode-job.js';
import { HeldLane } from './held-lane.js';
import type { OpenStreamParams, PushStreamParams, StreamParams, WindowReport } from './lane/protocol.js';
import type { AudioStreamPlan, PcmPiece } from './options.js';
import { finished } from './pool-windows.js';

/** A window of a stream of samples. */
export interface AudioStreamWindow {
  /** Seconds from the beginning of the stream. */
  start: number;
  end: number;
  embedding: Float32Array;
}

/** Samples or bytes per message: converting and copying more takes more than about a millisecond. */
const PIECE = 128 * 1024;

let nextStream = 0;

/** Checks the stream at the call, before anything is asked of it. */
export function embedStream(
  lane: Lane<unknown>,
  samples: AsyncIterable<PcmPiece> | Iterable<PcmPiece>,
  plan: AudioStreamPlan,
): AsyncGenerator<AudioStreamWindow, void, undefined> {
  return embedPieces(lane, iterable('samples', 'samples', samples), plan);
}

async function* embedPieces(
  lane: Lane<unknown>,
  samples: AsyncIterable<PcmPiece> | Iterable<PcmPiece>,
  plan: AudioStreamPlan,
): AsyncGenerator<AudioStreamWindow, void, undefined> {
  const { signal, sampleRate, overlap, padding } = plan;
  const stream = nextStream++;
  const waits = new Interruptible();
  // Each call is answered when the model has heard all of it: that is what slows a fast stream down.
  const held = new HeldLane(lane);
  const call = (method: string, params: object) =>
    waits.run(signal, () => held.call(method, params) as Promise<WindowReport[]>);
  const reader = new PcmReader(plan.format);
  try {
    const open: OpenStreamParams = {
      stream,
      sampleRate,
      overlap,
      padding,
      maxSeconds: undefined,
      output: 'mean',
      decoderInputIds: [],
    };
    await call('openStream', open);
    for await (const piece of until(samples, signal)) {
      for (const values of reader.read(piece)) {
        const params: PushStreamParams = { stream, samples: values };
        yield* windows(await call('pushStream', params), plan);
      }
    }
    reader.end();
    yield* windows(await call('endStream', { stream }), plan);
  } catch (error) {
    throw withCallerStack(named(error, 'samples'));
  } finally {
    held.release();
    const params: StreamParams = { stream };
    lane.note('dropStream', params);
  }
}

function* windows(reports: readonly WindowReport[], plan: AudioStreamPlan): Generator<AudioStreamWindow> {
  for (const { start, end, data } of reports) {
    const embedding = finished(new Embeddings(data, 1, data.length), plan).data as Float32Array;
    yield { start, end, embedding };
  }
}

/** Makes samples of pieces, which may end in the middle of one. */
class PcmReader {
  readonly #width: 2 | 4;
  #rest = new Uint8Array(0);
  #index = 0;

  constructor(format: AudioStreamPlan['format']) {
    this.#width = format === 's16le' ? 2 : 4;
  }

  /** Parts of a piece, each converted when it is asked for. */
  *read(piece: PcmPiece): Generator<Float32Array> {
    const name = `samples[${this.#index++}]`;
    if (isTyped(piece, Uint8Array)) {
      for (const part of parts(piece)) yield this.#decode(part);
    } else if (isTyped(piece, Int16Array)) {
      for (const part of parts(piece)) yield Float32Array.from(part, (value) => value / 32768);
    } else if (isTyped(piece, Float32Array)) {
      yield* parts(typedArray(name, piece, Float32Array));
    } else throw invalidArgument(name, 'a Float32Array, an Int16Array or bytes', piece);
  }

  #decode(piece: Uint8Array): Float32Array {
    const bytes = Buffer.concat([this.#rest, piece]);
    const count = Math.floor(bytes.length / this.#width);
    this.#rest = new Uint8Array(bytes.subarray(count * this.#width));
    const view = new DataView(bytes.buffer, bytes.byteOffset, count * this.#width);
    const samples = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      samples[i] = this.#width === 2 ? view.getInt16(2 * i, true) / 32768 : view.getFloat32(4 * i, true);
    }
    return samples;
  }

  end(): void {
    if (this.#rest.length === 0) return;
    throw invalidArgument('samples', `whole samples of ${this.#width} bytes`, this.#rest);
  }
}

function* parts<T extends PcmPiece>(piece: T): Generator<T> {
  for (let start = 0; start < piece.length; start += PIECE) yield piece.subarray(start, start + PIECE) as T;
}
