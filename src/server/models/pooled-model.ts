import { Fault } from '../fault.js';
import { detectKind } from './detect.js';
import {
  type AnyLoadOptions,
  CAPABILITIES,
  type Capability,
  loadModel,
  type ModelClasses,
  type ModelKind,
} from './kinds.js';
import { modelSize } from './size.js';

/** A model that the server offers. */
export interface ServedModel extends AnyLoadOptions {
  /** What `load` of its class takes. */
  id: string;
  /** Which class loads it. Default: what its configuration files say. */
  kind?: ModelKind;
  /** Further names that clients may use, for example `text-embedding-3-small`; `*` for any name at all. */
  aliases?: readonly string[];
}

/** A loaded model, with its class as the tag. */
export type LoadedModel = { [K in ModelKind]: { kind: K; model: ModelClasses[K] } }[ModelKind];

const LONGEST_TIMER = 2 ** 31 - 1;

/** One model and the state that it is in. */
export class PooledModel {
  readonly name: string;
  readonly served: ServedModel;
  /** When the server learned of it, for clients that want to know. */
  readonly created = new Date();
  #kind: Promise<ModelKind> | undefined;
  #loading: Promise<LoadedModel> | undefined;
  #loaded: LoadedModel | undefined;
  #users = 0;
  #timer: NodeJS.Timeout | undefined;
  #expires: number | undefined;
  #keepAlive: number | undefined;
  #closed = false;

  constructor(served: ServedModel) {
    this.served = served;
    // A folder's path is nobody's business.
    this.name = served.id
      .replace(/[\\/]+$/, '')
      .replace(/^(\.{0,2}[\\/]|[a-z]:[\\/]).*[\\/]|^\.{1,2}[\\/]/i, '');
  }

  /** The loaded model, if it is. */
  get loaded(): LoadedModel | undefined {
    return this.#loaded;
  }

  /** Epoch milliseconds at which an idle model is unloaded; undefined for never. */
  get expires(): number | undefined {
    return this.#expires;
  }

  /** What the latest request set: milliseconds as for {@link use}. Undefined before the first. */
  get keepAlive(): number | undefined {
    return this.#keepAlive;
  }

  /** Which kind of model it is; its configuration is read for the question, once. */
  kind(): Promise<ModelKind> {
    if (this.#kind) return this.#kind;
    const { id, kind, aliases: _, ...options } = this.served;
    this.#kind = kind === undefined ? detectKind(id, options) : Promise.resolve(kind);
    this.#kind.catch(() => {
      // The next request asks again: the file may be there by then.
      this.#kind = undefined;
    });
    return this.#kind;
  }

  async capabilities(): Promise<readonly Capability[]> {
    return CAPABILITIES[await this.kind()];
  }

  /** Bytes of its files on this machine. */
  size(): Promise<number> {
    const { id, kind: _, aliases: __, ...options } = this.served;
    return modelSize(id, options);
  }

  /**
   * Runs `task` with the model loaded.
   *
   * @param keepAlive milliseconds of idleness after which it is unloaded, 0 for at once; what is longer than a timer holds
   *   (25 days) is for ever
   */
  async use<T>(keepAlive: number, task: (loaded: LoadedModel) => Promise<T>): Promise<T> {
    this.#users++;
    this.#keepAlive = keepAlive;
    clearTimeout(this.#timer);
    this.#expires = undefined;
    try {
      return await task(this.#loaded ?? (await this.#load()));
    } finally {
      this.#users--;
      if (this.#users === 0 && keepAlive <= LONGEST_TIMER) this.#unloadAfter(keepAlive);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#unload();
  }

  async #load(): Promise<LoadedModel> {
    if (this.#closed) throw new Fault('unavailable', 'The server is shutting down');
    this.#loading ??= this.#start();
    return this.#loading;
  }

  async #start(): Promise<LoadedModel> {
    try {
      const { id, aliases: _, kind: __, ...options } = this.served;
      const kind = await this.kind();
      this.#loaded = { kind, model: await loadModel(kind, id, options) } as LoadedModel;
      return this.#loaded;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }

  #unloadAfter(milliseconds: number): void {
    this.#expires = Date.now() + milliseconds;
    this.#timer = setTimeout(() => void this.#unload(), milliseconds);
    this.#timer.unref();
  }

  async #unload(): Promise<void> {
    clearTimeout(this.#timer);
    this.#expires = undefined;
    const loading = this.#loading;
    this.#loading = undefined;
    this.#loaded = undefined;
    await (await loading?.catch(() => undefined))?.model.close();
  }
}
