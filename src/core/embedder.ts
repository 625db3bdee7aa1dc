/// <reference lib="esnext.disposable" preserve="true" />
import type { Embeddings } from './embeddings.js';
import type { OnProgress } from './progress.js';

/** Options that every {@link Embedder} takes. */
export interface EmbedOptions {
  /** Divide each vector by its length, last of all. */
  normalize?: boolean;
  /** Keep only the first so many dimensions (Matryoshka models). Not normalised again unless `normalize`. */
  truncateDim?: number;
  /** Aborts the call, which then rejects with `ERR_ABORTED`. */
  signal?: AbortSignal;
  /** Called whenever more texts are done. */
  onProgress?: OnProgress;
}

/** Turns texts into vectors: a local model and every remote provider alike. */
export interface Embedder extends AsyncDisposable {
  readonly modelId: string;
  /** Width of an embedding; undefined as long as a provider has not been asked for the first one. */
  readonly dimensions: number | undefined;
  /** One row per text, in the order of the texts. */
  encode(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;
  /** {@link encode} for questions, where the model tells them from documents. */
  encodeQuery(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;
  /** {@link encode} for what is searched, where the model tells it from questions. */
  encodeDocument(texts: string | readonly string[], options?: EmbedOptions): Promise<Embeddings>;
  /** {@link encodeDocument} as plain arrays: the contract of LangChain and many others. */
  embedDocuments(texts: readonly string[]): Promise<number[][]>;
  /** {@link encodeQuery} of one text as a plain array. */
  embedQuery(text: string): Promise<number[]>;
  close(): Promise<void>;
}
