import { EmbedlaneError } from '../core/errors.js';
import { openStore, type StoreEmbedder, type VectorStore } from '../stores/index.js';
import { TextEmbedder } from '../text/index.js';
import type { JobSpec } from './types.js';

/** A model with its width. */
export type JobEmbedder = StoreEmbedder & { readonly dimensions: number; close?(): Promise<void> };

/** Loads the model of a job. */
export type LoadModel = (model: string, dtype: JobSpec['dtype']) => Promise<JobEmbedder>;

/** Milliseconds for which an open store and its model wait for another shard. */
const IDLE = 10_000;

interface Target {
  readonly opened: Promise<{ store: VectorStore; model: JobEmbedder }>;
  users: number;
  timer?: NodeJS.Timeout;
}

/** The stores that a worker writes to, each with the model that embeds for it: open while there are shards for it. */
export class Targets {
  readonly #open = new Map<string, Target>();
  readonly #load: LoadModel;

  constructor(load: LoadModel | undefined) {
    this.#load = load ?? ((model, dtype) => TextEmbedder.load(model, { dtype }));
  }

  async use<T>(spec: JobSpec, signal: AbortSignal, work: (store: VectorStore) => Promise<T>): Promise<T> {
    const url = storeUrl(spec.store);
    const key = JSON.stringify([url, spec.model, spec.dtype]);
    let target = this.#open.get(key);
    if (target === undefined) {
      target = { opened: this.#make(url, spec), users: 0 };
      this.#open.set(key, target);
    }
    clearTimeout(target.timer);
    target.users++;
    try {
      const { store, model } = await target.opened;
      await store.create({ dims: model.dimensions, ...defined(spec.collection), signal });
      return await work(store);
    } finally {
      const left = target;
      left.users--;
      const failed = await left.opened.then(
        () => false,
        () => true,
      );
      // Several may have come here at once, each as the last: only one may close it.
      clearTimeout(left.timer);
      if (failed && this.#open.get(key) === left) this.#open.delete(key);
      else if (left.users === 0) left.timer = setTimeout(() => void this.#close(key, left), IDLE).unref();
    }
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#open, ([key, target]) => this.#close(key, target)));
  }

  async #make(url: string, { model: name, dtype }: JobSpec) {
    const model = await this.#load(name, dtype);
    try {
      return { store: await openStore(url, { embedder: model }), model };
    } catch (error) {
      await model.close?.();
      throw error;
    }
  }

  async #close(key: string, target: Target): Promise<void> {
    clearTimeout(target.timer);
    if (this.#open.get(key) === target) this.#open.delete(key);
    try {
      const { store, model } = await target.opened;
      await store.close();
      await model.close?.();
    } catch {
      // What could not be opened needs no closing, and a server that is gone has closed already.
    }
  }
}

function storeUrl(store: string): string {
  if (!store.startsWith('env:')) return store;
  const name = store.slice('env:'.length);
  const url = process.env[name];
  if (url !== undefined && url !== '') return url;
  throw new EmbedlaneError(
    'ERR_NOT_FOUND',
    `Expected the URL of a store in the environment variable ${name}`,
  );
}

/** JSON leaves out what is undefined, and `create` would not know null. */
function defined(collection: JobSpec['collection']): JobSpec['collection'] {
  return Object.fromEntries(Object.entries(collection).filter(([, value]) => value != null));
}
