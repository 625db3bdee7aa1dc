import { optionalBoolean, optionsObject } from '../../core/validate.js';
import { CollectionStore } from '../base/store.js';
import type { StoreOptions } from '../types.js';
import { LocalEngine } from './engine.js';
import { folderArgument } from './folder.js';

export interface LocalStoreOptions extends StoreOptions {
  /**
   * `true`: changes are refused, and any number of processes may read, while one may write. Otherwise the store is
   * locked for this process. What a reader finds while records are replaced all the time may lack some of those.
   *
   * @default false
   */
  readOnly?: boolean;
}

/**
 * A collection in a folder: vectors in a `FlatIndex`, which searches them exactly, documents and metadata in SQLite.
 * What was stored survives the end of the process at any moment; so does what was there before, if it was not.
 *
 * @example
 * await using store = await LocalStore.open('notes', { embedder: model });
 * await store.create({ dims: 384 });
 * await store.upsert([{ id: 'a', text: 'Cats sleep a lot.', metadata: { topic: 'animals' } }]);
 * await store.search('Which animal naps?', { k: 3, filter: { field: 'topic', eq: 'animals' } });
 */
export class LocalStore extends CollectionStore {
  /**
   * @param path a folder, which `create` makes, or its `file:` URL
   * @throws {EmbedlaneError} `ERR_LOCKED` if another process has it open for writing, `ERR_CORRUPT`, `ERR_VERSION`,
   * `ERR_IO`
   */
  static async open(path: string | URL, options?: LocalStoreOptions): Promise<LocalStore> {
    const folder = folderArgument('path', path);
    const { readOnly, ...others } = optionsObject('options', options, ['embedder', 'readOnly']);
    const engine = new LocalEngine(folder, optionalBoolean('options.readOnly', readOnly) ?? false);
    const store = new LocalStore(engine, others);
    try {
      await store.info();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }
}
