import { EmbedlaneError } from '../core/errors.js';
import { urlText } from '../core/validate.js';
import { LocalStore } from './local/local-store.js';
import { MilvusStore } from './milvus/milvus-store.js';
import { PgVectorStore } from './pg/pg-store.js';
import { SeekdbStore } from './seekdb/seekdb-store.js';
import type { StoreOptions, VectorStore } from './types.js';

export interface OpenStoreOptions extends StoreOptions {
  /** Opens a local store as one that others may be writing to; a server's own rights decide there. @default false */
  readOnly?: boolean;
}

type Open = (url: string, options: OpenStoreOptions) => Promise<VectorStore>;

const pg: Open = (url, { embedder }) => PgVectorStore.open(url, { embedder });
const milvus: Open = (url, { embedder }) => MilvusStore.open(url, { embedder });
const seekdb: Open = (url, { embedder }) => SeekdbStore.open(url, { embedder });

/** Stores by the scheme of their URLs. */
const STORES: Record<string, Open> = {
  file: (url, options) => LocalStore.open(url, options),
  postgres: pg,
  postgresql: pg,
  milvus,
  milvuss: milvus,
  seekdb,
  oceanbase: seekdb,
};

/**
 * Opens a store by its URL: `file:///folder`, `postgres://user:password@host/database/collection`, `milvus://` (or
 * `milvuss://`, over TLS), `seekdb://` (or `oceanbase://`), as the stores' own `open` takes them. A path without a scheme is a folder.
 *
 * @throws {EmbedlaneError} `ERR_INVALID_ARG` for another scheme, and what the store throws
 */
export async function openStore(url: string | URL, options: OpenStoreOptions = {}): Promise<VectorStore> {
  const text = urlText('url', url);
  // One letter is a drive of Windows.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1].toLowerCase() ?? 'file';
  const open = Object.hasOwn(STORES, scheme) ? STORES[scheme] : undefined;
  if (open !== undefined) return open(text, options);
  const known = Object.keys(STORES).map((name) => `${name}:`);
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected a URL with one of ${known.join(', ')} or a path for url but received '${scheme}:'`,
  );
}
