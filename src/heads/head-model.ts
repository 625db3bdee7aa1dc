/// <reference lib="esnext.disposable" preserve="true" />
import { requireMaker } from '../core/constructed.js';
import type { LoadedHead } from './load.js';

/** What models with heads have in common. */
export abstract class HeadModel<Config> implements AsyncDisposable {
  protected readonly loaded: LoadedHead<Config>;

  protected constructor(loaded: LoadedHead<Config>) {
    requireMaker(`${new.target.name}.load`, loaded?.lane);
    this.loaded = loaded;
  }

  /** The path that the model was loaded from, or its id. */
  get modelId(): string {
    return this.loaded.id;
  }

  /** Longest input in tokens, special tokens included; longer ones are cut, of a pair the longer text. */
  get maxTokens(): number {
    return this.loaded.maxTokens ?? Number.POSITIVE_INFINITY;
  }

  /** Ends the model's process. Calls in progress reject with `ERR_CLOSED`, as do later ones. */
  async close(): Promise<void> {
    await this.loaded.lane.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
