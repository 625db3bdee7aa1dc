import { setMaxListeners } from 'node:events';
import { abortError, throwIfAborted } from '../core/abort.js';
import type { Embedder, EmbedOptions } from '../core/embedder.js';
import { Embeddings } from '../core/embeddings.js';
import { EmbedlaneError, invalidArgument } from '../core/errors.js';
import {
  optionalBoolean,
  optionalFunction,
  optionalInteger,
  optionalSignal,
  optionsObject,
  textList,
} from '../core/validate.js';
import { normalize as normalizeRows } from '../vectors/index.js';
import { badAnswer, type Vector } from './answers.js';
import { type BatchLimits, splitTexts } from './batches.js';
import type { RemoteSettings } from './options.js';
import { RemoteClient } from './remote-client.js';

/** What the texts of a call are, for models that embed questions and documents differently. */
export type Purpose = 'query' | 'document' | undefined;

const LARGEST_DIMENSION = 1_000_000;

/** What all remote providers have in common: checks, splitting, concurrency, the order of rows. */
export abstract class RemoteEmbedder implements Embedder {
  readonly modelId: string;
  protected readonly client: RemoteClient;
  protected readonly provider: string;
  readonly #limits: BatchLimits;
  readonly #wanted: number | undefined;
  #dimensions: number | undefined;

  /** @param dimensions width that the provider is asked for, if it is */
  protected constructor(settings: RemoteSettings, maxBytes: number, dimensions?: number) {
    this.modelId = settings.model;
    this.provider = settings.client.provider;
    this.client = new RemoteClient(settings.client);
    this.#limits = { texts: settings.batchSize, bytes: maxBytes };
    this.#wanted = optionalInteger('dimensions', dimensions, 1, LARGEST_DIMENSION);
  }

  /** One request. The vectors are in the order of the texts. */
  protected abstract embed(texts: string[], purpose: Purpose, signal: AbortSignal): Promise<Vector[]>;

  /** Width of an embedding: what was asked for, else that of the first answer; undefined before it. */
  get dimensions(): number | undefined {
    return this.#dimensions ?? this.#wanted;
  }

  /**
   * Embeds texts in as many requests as the provider's limits need.
   *
   * @throws {EmbedlaneError} `ERR_REMOTE` (a `RemoteError` with `status`, `providerCode`, `providerMessage`),
   *   `ERR_INVALID_ARG`, `ERR_ABORTED`, `ERR_CLOSED`
   */
  async encode(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings> {
    return this.#encode(texts, options, undefined);
  }

  async encodeQuery(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings> {
    return this.#encode(texts, options, 'query');
  }

  async encodeDocument(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings> {
    return this.#encode(texts, options, 'document');
  }

  async embedDocuments(texts: readonly string[]): Promise<number[][]> {
    return (await this.encodeDocument(texts)).toArrays();
  }

  async embedQuery(text: string): Promise<number[]> {
    if (typeof text !== 'string') throw invalidArgument('text', 'a string', text);
    return Array.from((await this.encodeQuery(text)).row(0));
  }

  /** Calls in progress reject with `ERR_CLOSED`, as do later ones. */
  async close(): Promise<void> {
    await this.client.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #encode(texts: unknown, options: EmbedOptions | undefined, purpose: Purpose): Promise<Embeddings> {
    const list = textList('texts', texts);
    const { normalize, truncateDim, signal, onProgress } = checkOptions(options);
    if (this.client.closed)
      throw new EmbedlaneError('ERR_CLOSED', 'Expected an open embedder but it was closed');
    throwIfAborted(signal);
    if (list.length === 0) return new Embeddings(new Float32Array(0), 0, truncateDim ?? this.dimensions ?? 0);

    const rows = new Rows(this.provider, list.length, this.#wanted, truncateDim);
    await this.requests(list, signal, async (part, start, stop) => {
      const vectors = await this.embed(part, purpose, stop);
      rows.place(start, vectors);
      onProgress?.({ completed: rows.completed, total: list.length });
    });
    this.#dimensions = rows.width;
    const embeddings = rows.finish();
    return normalize ? normalizeRows(embeddings) : embeddings;
  }

  /** Runs `request` for each part of `texts`; the first failure, or `signal`, stops the others. */
  protected async requests(
    texts: readonly string[],
    signal: AbortSignal | undefined,
    request: (part: string[], start: number, stop: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const stop = new AbortController();
    // Each of its requests in progress has one, and they come in any number at the old route of Ollama.
    setMaxListeners(0, stop.signal);
    let onAbort = () => {};
    // Requests that wait for their turn would see it only then, after those of other calls.
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        stop.abort(signal?.reason);
        reject(abortError(stop.signal));
      };
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const parts = Array.from(splitTexts(texts, this.#limits));
      const done = Promise.all(parts.map(({ texts: part, start }) => request(part, start, stop.signal)));
      await Promise.race([done, aborted]);
    } catch (error) {
      stop.abort();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

function checkOptions(options: EmbedOptions | undefined) {
  const given = optionsObject<EmbedOptions>('options', options, [
    'normalize',
    'truncateDim',
    'signal',
    'onProgress',
  ]);
  return {
    normalize: optionalBoolean('normalize', given.normalize) ?? false,
    truncateDim: optionalInteger('truncateDim', given.truncateDim, 1, LARGEST_DIMENSION),
    signal: optionalSignal('signal', given.signal),
    onProgress: optionalFunction('onProgress', given.onProgress),
  };
}

/** The matrix of one call, filled in whatever order the answers come. */
class Rows {
  completed = 0;
  #width: number | undefined;
  #data = new Float32Array(0);
  readonly #provider: string;
  readonly #rows: number;
  readonly #truncateDim: number | undefined;

  constructor(provider: string, rows: number, width: number | undefined, truncateDim: number | undefined) {
    this.#provider = provider;
    this.#rows = rows;
    this.#width = width;
    this.#truncateDim = truncateDim;
  }

  /** Width of the provider's vectors. */
  get width(): number | undefined {
    return this.#width;
  }

  get #dims(): number {
    const width = this.#width ?? 0;
    return Math.min(this.#truncateDim ?? width, width);
  }

  place(start: number, vectors: readonly Vector[]): void {
    this.#width ??= vectors[0].length;
    const dims = this.#dims;
    if (this.#data.length === 0) this.#data = new Float32Array(this.#rows * dims);
    vectors.forEach((vector, i) => {
      if (vector.length !== this.#width) {
        throw badAnswer(this.#provider, `vectors of ${this.#width} dimensions`, vector);
      }
      for (let d = 0, to = (start + i) * dims; d < dims; d++) this.#data[to + d] = vector[d];
    });
    this.completed += vectors.length;
  }

  finish(): Embeddings {
    if (this.#truncateDim !== undefined && this.#truncateDim > (this.#width ?? 0)) {
      throw invalidArgument(
        'truncateDim',
        `an integer up to the model's ${this.#width} dimensions`,
        this.#truncateDim,
      );
    }
    return new Embeddings(this.#data, this.#rows, this.#dims);
  }
}
