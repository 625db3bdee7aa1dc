import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { Interruptible } from '../core/interruptible.js';
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
  isOpening: boolean;
  users: number;
  timer?: NodeJS.Timeout;
}

/** The stores that a worker writes to, each with the model that embeds for it: open while there are shards for it. */
export class Targets {
  readonly #open = new Map<string, Target>();
  /** Those that are being closed: a local store is locked until it is. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #load: LoadModel;

  constructor(load: LoadModel | undefined) {
    this.#load = load ?? ((model, dtype) => TextEmbedder.load(model, { dtype }));
  }

  /** @throws {EmbedlaneError} `ERR_ABORTED`, also while the model is being loaded */
  async use<T>(spec: JobSpec, signal: AbortSignal, work: (store: VectorStore) => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const url = storeUrl(spec.store);
    const key = JSON.stringify([url, spec.model, spec.dtype]);
    const target = this.#open.get(key) ?? this.#begin(key, url, spec);
    clearTimeout(target.timer);
    target.users++;
    try {
      const { store, model } = await new Interruptible().run(signal, () => target.opened);
      await store.create({ dims: model.dimensions, ...defined(spec.collection), signal });
      return await work(store);
    } finally {
      target.users--;
      if (target.users === 0 && this.#open.get(key) === target) {
        target.timer = setTimeout(() => void this.#close(key, target), IDLE).unref();
      }
    }
  }

  /** Closes all; what is still being opened as soon as it is, without waiting for that. */
  async close(): Promise<void> {
    await Promise.all(
      Array.from(this.#open, ([key, target]) => {
        const closed = this.#close(key, target);
        return target.isOpening ? undefined : closed;
      }),
    );
  }

  #begin(key: string, url: string, spec: JobSpec): Target {
    const opened = this.#make(url, spec, this.#ending.get(key));
    const target: Target = { opened, isOpening: true, users: 0 };
    this.#open.set(key, target);
    const over = (isOpen: boolean) => {
      target.isOpening = false;
      if (!isOpen && this.#open.get(key) === target) this.#open.delete(key);
    };
    opened.then(
      () => over(true),
      () => over(false),
    );
    return target;
  }

  async #make(url: string, { model: name, dtype }: JobSpec, before: Promise<void> | undefined) {
    await before;
    const model = await this.#load(name, dtype);
    try {
      return { store: await openStore(url, { embedder: model }), model };
    } catch (error) {
      await quietly(async () => model.close?.());
      throw error;
    }
  }

  #close(key: string, target: Target): Promise<void> {
    clearTimeout(target.timer);
    if (this.#open.get(key) === target) this.#open.delete(key);
    const ended = this.#end(target).finally(() => {
      if (this.#ending.get(key) === ended) this.#ending.delete(key);
    });
    this.#ending.set(key, ended);
    return ended;
  }

  async #end({ opened }: Target): Promise<void> {
    // What could not be opened needs no closing.
    const target = await opened.catch(() => undefined);
    await quietly(async () => target?.store.close());
    await quietly(async () => target?.model.close?.());
  }
}

/** Closes what may fail to: a server that is gone has closed already. */
async function quietly(close: () => Promise<void>): Promise<void> {
  await close().catch(() => {});
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
