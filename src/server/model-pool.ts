import type { LoadOptions } from '../text/index.js';
import { TextEmbedder } from '../text/index.js';
import { Fault } from './fault.js';

/** A model that the server offers. */
export interface ServedModel extends Omit<LoadOptions, 'signal'> {
  /** What `TextEmbedder.load` takes. */
  id: string;
  /** Further names that clients may use, for example `text-embedding-3-small`; `*` for any name at all. */
  aliases?: readonly string[];
}

/** One model and the state that it is in. */
export class PooledModel {
  readonly name: string;
  readonly served: ServedModel;
  /** When the server learned of it, for clients that want to know. */
  readonly created = new Date();
  #loading: Promise<TextEmbedder> | undefined;
  #embedder: TextEmbedder | undefined;
  #users = 0;
  #timer: NodeJS.Timeout | undefined;
  #expires: number | undefined;
  #closed = false;

  constructor(served: ServedModel) {
    this.served = served;
    // A folder's path is nobody's business.
    this.name = served.id
      .replace(/[\\/]+$/, '')
      .replace(/^(\.{0,2}[\\/]|[a-z]:[\\/]).*[\\/]|^\.{1,2}[\\/]/i, '');
  }

  /** The loaded model, if it is. */
  get embedder(): TextEmbedder | undefined {
    return this.#embedder;
  }

  /** Epoch milliseconds at which an idle model is unloaded; undefined for never. */
  get expires(): number | undefined {
    return this.#expires;
  }

  /** What is known of it: from the loaded model, which is loaded for the question if need be. */
  async load(): Promise<TextEmbedder> {
    if (this.#closed) throw new Fault('unavailable', 'The server is shutting down');
    this.#loading ??= this.#start();
    return this.#loading;
  }

  /**
   * Runs `task` with the model loaded.
   *
   * @param keepAlive milliseconds of idleness after which it is unloaded; Infinity for never, 0 for at once
   */
  async use<T>(keepAlive: number, task: (model: TextEmbedder) => Promise<T>): Promise<T> {
    this.#users++;
    clearTimeout(this.#timer);
    this.#expires = undefined;
    try {
      return await task(await this.load());
    } finally {
      this.#users--;
      if (this.#users === 0 && Number.isFinite(keepAlive)) this.#unloadAfter(keepAlive);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#unload();
  }

  async #start(): Promise<TextEmbedder> {
    try {
      const { id, aliases: _, ...options } = this.served;
      this.#embedder = await TextEmbedder.load(id, options);
      return this.#embedder;
    } catch (error) {
      // The next request tries again: the file may be there by then.
      this.#loading = undefined;
      throw error;
    }
  }

  #unloadAfter(milliseconds: number): void {
    this.#expires = Date.now() + milliseconds;
    // A timer holds at most 2^31 - 1 ms.
    this.#timer = setTimeout(() => void this.#unload(), Math.min(milliseconds, 2 ** 31 - 1));
    this.#timer.unref();
  }

  async #unload(): Promise<void> {
    clearTimeout(this.#timer);
    this.#expires = undefined;
    const loading = this.#loading;
    this.#loading = undefined;
    this.#embedder = undefined;
    await (await loading?.catch(() => undefined))?.close();
  }
}

/** The server's models, by all the names that clients may use for them. */
export class ModelPool {
  readonly models: readonly PooledModel[];
  readonly #byName = new Map<string, PooledModel>();

  constructor(served: readonly ServedModel[]) {
    this.models = served.map((model) => new PooledModel(model));
    for (const model of this.models) {
      for (const name of [model.name, model.served.id, ...(model.served.aliases ?? [])]) {
        for (const spelling of spellings(name)) this.#byName.set(spelling, model);
      }
    }
  }

  /** The model for clients that name none. */
  get default(): PooledModel {
    return this.models[0];
  }

  /** @throws {Fault} `not_found` */
  find(name: string): PooledModel {
    const found = this.#byName.get(name) ?? this.#byName.get(canonical(name)) ?? this.#byName.get('*');
    if (found) return found;
    throw new Fault('not_found', `The model '${name.slice(0, 200)}' does not exist`, {
      param: 'model',
      code: 'model_not_found',
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.models.map((model) => model.close()));
  }
}

const BUNDLED_OWNER = 'sentence-transformers/';

/** Names under which the same model goes: with and without the owner of the bundled models, and Ollama's tag. */
function spellings(name: string): string[] {
  const plain = canonical(name);
  if (plain.startsWith(BUNDLED_OWNER)) return [name, plain, plain.slice(BUNDLED_OWNER.length)];
  return plain.includes('/') ? [name, plain] : [name, plain, BUNDLED_OWNER + plain];
}

/** Ollama's clients add `:latest` to names without a tag. */
function canonical(name: string): string {
  return name.replace(/:latest$/, '');
}
