import { mkdir, statfs } from 'node:fs/promises';
import { throwIfAborted } from '../core/abort.js';
import { EmbedlaneError } from '../core/errors.js';
import { retry } from '../core/retry.js';
import { CachedRepository } from './cache.js';
import { HubClient } from './client.js';
import { downloadedBytes, downloadFile } from './download.js';
import type { RepositoryFile } from './listing.js';
import { isCommit } from './model-id.js';
import { reportProgress } from './report.js';
import type { FileSelector } from './selection.js';
import type { HubSettings } from './settings.js';
import { discardDamaged } from './verify.js';

/** A revision of a repository in the cache, with the files of it that a model needs. */
export interface Snapshot {
  /** Absolute path of the folder that holds the files under their names. */
  folder: string;
  commit: string;
  /** Paths below the folder of the files that were asked for; all of them are here. */
  files: readonly string[];
  /** Bytes that had to be downloaded. */
  downloaded: number;
}

export interface ResolveOptions {
  signal?: AbortSignal;
  /** Ask the hub where the revision stands now, even if an answer is in the cache. */
  refresh?: boolean;
  /** Check the hashes of files that are here, and fetch the damaged ones again. */
  verify?: boolean;
}

/** Files that are fetched at a time. */
const PARALLEL = 4;
/** Fewer than for files: nothing is lost yet, and whoever has no network should hear of it soon. */
const LISTING_RETRIES = 2;
const DEFAULT_REVISION = 'main';

/**
 * Brings what `select` asks for of a repository into the cache.
 *
 * What is here is used as it is: the network is touched only if a file, or the list of files, is missing.
 *
 * @param name `org/name`, already checked
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND`, `ERR_DOWNLOAD`, `ERR_CHECKSUM`, `ERR_CORRUPT` for damage that
 *   cannot be repaired offline, `ERR_IO`, `ERR_ABORTED`
 */
export async function resolveRepository(
  name: string,
  select: FileSelector,
  settings: HubSettings,
  options: ResolveOptions = {},
): Promise<Snapshot> {
  const resolution = new Resolution(name, settings, options);
  try {
    return await resolution.run(select);
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new EmbedlaneError(
      'ERR_IO',
      `Expected a folder that can be used for the cache at ${settings.cacheDir} but received ${code}; ` +
        'choose another with HF_HUB_CACHE or the option cacheDir',
      { cause: error },
    );
  } finally {
    await resolution.close();
  }
}

/** Notes that spare a question next time; a cache that is whole but read-only serves without them. */
async function remember(writing: Promise<void>): Promise<void> {
  await writing.catch((error: NodeJS.ErrnoException) => {
    if (!READ_ONLY.includes(error.code ?? '')) throw error;
  });
}

const READ_ONLY = ['EACCES', 'EPERM', 'EROFS'];

class Resolution {
  readonly #name: string;
  readonly #settings: HubSettings;
  readonly #options: ResolveOptions;
  readonly #cache: CachedRepository;
  readonly #revision: string;
  #client: Promise<HubClient> | undefined;
  #downloaded = 0;

  constructor(name: string, settings: HubSettings, options: ResolveOptions) {
    this.#name = name;
    this.#settings = settings;
    this.#options = options;
    this.#cache = new CachedRepository(settings.cacheDir, name);
    this.#revision = settings.revision ?? DEFAULT_REVISION;
  }

  async run(select: FileSelector): Promise<Snapshot> {
    throwIfAborted(this.#options.signal);
    const pinned = isCommit(this.#revision);
    const known = pinned ? this.#revision : await this.#cache.commitOf(this.#revision);
    if (this.#settings.offline) return this.#fromCache(known, select);

    const commit = known === undefined || (this.#options.refresh && !pinned) ? await this.#ask() : known;
    const listing = await this.#listing(commit);
    if (listing === undefined) return this.#fromCache(commit, select);
    const files = await this.#complete(commit, listing, select);
    // Last, so that the revision never points to a snapshot that lacks something.
    if (!pinned) await remember(this.#cache.writeRef(this.#revision, commit));
    return this.#snapshot(commit, files);
  }

  async close(): Promise<void> {
    await (await this.#client?.catch(() => undefined))?.close();
  }

  #open(): Promise<HubClient> {
    this.#client ??= HubClient.open(this.#settings, this.#options.signal);
    return this.#client;
  }

  #snapshot(commit: string, files: readonly string[]): Snapshot {
    return { folder: this.#cache.snapshot(commit), commit, files, downloaded: this.#downloaded };
  }

  /** The commit at which the revision stands now. */
  async #ask(): Promise<string> {
    const client = await this.#open();
    return retry(() => client.resolveRevision(this.#name, this.#revision), this.#options.signal, {
      retries: LISTING_RETRIES,
    });
  }

  /** All files of a commit; undefined if the hub is out of reach but some are here. */
  async #listing(commit: string): Promise<RepositoryFile[] | undefined> {
    const cached = await this.#cache.readTree(commit);
    if (cached) return cached;
    const usable = (await this.#cache.present(commit)).length > 0;
    const client = await this.#open();
    let files: RepositoryFile[];
    try {
      const list = () => client.listFiles(this.#name, commit);
      files = await retry(list, this.#options.signal, { retries: usable ? 0 : LISTING_RETRIES });
    } catch (error) {
      if (usable && (error as EmbedlaneError).code === 'ERR_DOWNLOAD') return undefined;
      throw error;
    }
    await remember(this.#cache.writeTree(commit, files));
    return files;
  }

  /** What Python or an earlier version left here, without asking anyone. */
  async #fromCache(commit: string | undefined, select: FileSelector): Promise<Snapshot> {
    const present = commit === undefined ? [] : await this.#cache.present(commit);
    if (commit === undefined || present.length === 0)
      throw this.#notHere(`it is not in ${this.#cache.folder}`);
    const listing = (await this.#cache.readTree(commit))?.map(({ path }) => path);
    const here = new Set(present);
    const need = (paths: readonly string[]) => {
      const missing = paths.filter((path) => !here.has(path));
      if (missing.length === 0) return;
      throw this.#notHere(
        `${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing (here: ${present.join(', ')})`,
      );
    };
    const files = await select({
      name: this.#name,
      files: listing ?? present,
      fetch: async (path) => {
        need([path]);
        return this.#cache.file(commit, path);
      },
    });
    need(files);
    if (this.#options.verify) {
      const damaged = await discardDamaged(this.#cache, commit, files, this.#options.signal, { keep: true });
      if (damaged.length > 0) {
        throw new EmbedlaneError(
          'ERR_CORRUPT',
          `Expected undamaged files of ${this.#name} in the cache but ${damaged.join(', ')} ` +
            `does not have the hash that names it; fetch it again with 'embedlane pull ${this.#name}'`,
        );
      }
    }
    return this.#snapshot(commit, files);
  }

  #notHere(actual: string): EmbedlaneError {
    const id = this.#settings.revision === undefined ? this.#name : `${this.#name}@${this.#revision}`;
    const why = this.#settings.offline
      ? 'and the network is not to be used (localFilesOnly or HF_HUB_OFFLINE)'
      : `and ${this.#settings.endpoint} does not answer`;
    return new EmbedlaneError(
      'ERR_MODEL_NOT_FOUND',
      `Expected ${id} in the cache but ${actual}, ${why}; get it with 'embedlane pull ${id}'`,
    );
  }

  /** Downloads what is missing of what `select` asks for. */
  async #complete(
    commit: string,
    listing: readonly RepositoryFile[],
    select: FileSelector,
  ): Promise<readonly string[]> {
    const byPath = new Map(listing.map((file) => [file.path, file]));
    const bring = async (paths: readonly string[]) => {
      if (this.#options.verify) await discardDamaged(this.#cache, commit, paths, this.#options.signal);
      await this.#download(
        commit,
        paths.map((path) => byPath.get(path) as RepositoryFile),
      );
    };
    const wanted = await select({
      name: this.#name,
      files: [...byPath.keys()],
      fetch: async (path) => {
        await bring([path]);
        return this.#cache.file(commit, path);
      },
    });
    const files = [...new Set(wanted)];
    await bring(files);
    return files;
  }

  async #download(commit: string, files: readonly RepositoryFile[]): Promise<void> {
    const missing: RepositoryFile[] = [];
    for (const file of files) if (!(await this.#cache.has(commit, file))) missing.push(file);
    if (missing.length === 0) return;
    await this.#checkSpace(missing);
    const client = await this.#open();
    // The first failure ends the others, so that nothing goes on behind the caller's back.
    const stop = new AbortController();
    const { signal: given } = this.#options;
    const signal = given ? AbortSignal.any([given, stop.signal]) : stop.signal;
    const report = reportProgress(missing, this.#settings.onProgress);
    const context = { cache: this.#cache, client: client.withSignal(signal), commit, signal, report };
    // Largest first; all workers take from one queue.
    const queue = missing.sort((a, b) => b.size - a.size).values();
    let failure: { error: unknown } | undefined;
    const work = async () => {
      try {
        for (const file of queue) await downloadFile(file, context);
      } catch (error) {
        failure ??= { error };
        stop.abort();
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    throwIfAborted(given);
    if (failure) throw failure.error;
    this.#downloaded += missing.reduce((sum, { size }) => sum + size, 0);
  }

  /** Refuses before the first byte what cannot end well. */
  async #checkSpace(files: readonly RepositoryFile[]): Promise<void> {
    const { cacheDir } = this.#settings;
    let needed = 0;
    for (const file of files) needed += file.size - (await downloadedBytes(this.#cache, file));
    await mkdir(cacheDir, { recursive: true });
    const { bavail, bsize } = await statfs(cacheDir).catch(() => ({ bavail: 0, bsize: 0 }));
    const free = bavail * bsize;
    // Some network file systems report nothing.
    if (free === 0 || needed <= free) return;
    throw new EmbedlaneError(
      'ERR_IO',
      `Expected ${needed} bytes of free space for ${this.#name} in ${cacheDir} but there are ${free}; ` +
        'free some (embedlane models list), or choose another cache with HF_HUB_CACHE or the option cacheDir',
    );
  }
}
