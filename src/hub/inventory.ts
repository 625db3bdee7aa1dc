import { lstat, readFile, rm } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';
import { CachedRepository, listFolder, listTree, repositoryFolder } from './cache.js';
import { isCommit } from './model-id.js';
import { verifyFile } from './verify.js';

/** A model in the cache, whoever has put it there. */
export interface CachedModel {
  /** `org/name`. */
  name: string;
  /** Absolute path of its folder in the cache. */
  folder: string;
  /** Bytes on the disk, interrupted downloads included. */
  bytes: number;
  /** Bytes of interrupted downloads among them. */
  incompleteBytes: number;
  snapshots: CachedSnapshot[];
}

/** A commit of which files are in the cache. */
export interface CachedSnapshot {
  commit: string;
  /** Branches and tags that stand for it, as of when they were last asked. */
  revisions: string[];
  /** Paths of its files. */
  files: string[];
}

/** The models in a cache folder, by name. Data sets and spaces, which Python keeps there too, are left out. */
export async function cachedModels(cacheDir: string): Promise<CachedModel[]> {
  const models: CachedModel[] = [];
  for (const folder of (await listFolder(cacheDir)).sort()) {
    const name = /^models--(.+)$/.exec(folder)?.[1].replace('--', '/');
    // Names that are not what they would be made of, for example 'models--a--b--c', are nobody's.
    if (name === undefined || repositoryFolder(name) !== folder) continue;
    const model = await readModel(new CachedRepository(cacheDir, name));
    if (model.bytes > 0 || model.snapshots.length > 0) models.push(model);
  }
  return models;
}

/**
 * Removes a model from the cache, Python's view of it included.
 *
 * @returns bytes that were freed
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` if it is not there
 */
export async function removeCachedModel(cacheDir: string, name: string): Promise<number> {
  const cache = new CachedRepository(cacheDir, name);
  const { bytes, snapshots } = await readModel(cache);
  if (bytes === 0 && snapshots.length === 0) throw notCached(cacheDir, name);
  // First what makes it a model: whoever looks in the middle finds none, not half of one.
  for (const part of ['refs', 'snapshots'])
    await rm(join(cache.folder, part), { recursive: true, force: true });
  await rm(cache.folder, { recursive: true, force: true });
  await rm(join(cacheDir, '.locks', repositoryFolder(name)), { recursive: true, force: true });
  return bytes;
}

/** What a check of a cached model found; paths are `<commit>/<path>` where there are several commits. */
export interface CacheCheck {
  name: string;
  whole: number;
  damaged: string[];
  /** Files that nothing in the cache says the hash of. */
  unknown: string[];
}

/**
 * Checks every file of a model in the cache against its hash.
 *
 * @throws {EmbedlaneError} `ERR_MODEL_NOT_FOUND` if it is not there
 */
export async function checkCachedModel(cacheDir: string, name: string): Promise<CacheCheck> {
  const cache = new CachedRepository(cacheDir, name);
  const { snapshots } = await readModel(cache);
  if (snapshots.length === 0) throw notCached(cacheDir, name);
  const check: CacheCheck = { name, whole: 0, damaged: [], unknown: [] };
  for (const { commit, files } of snapshots) {
    for (const path of files) {
      const integrity = await verifyFile(cache, commit, path);
      const shown = snapshots.length > 1 ? `${commit}/${path}` : path;
      if (integrity === 'whole') check.whole++;
      else check[integrity].push(shown);
    }
  }
  return check;
}

async function readModel(cache: CachedRepository): Promise<CachedModel> {
  const revisions = await readRevisions(cache);
  const snapshots: CachedSnapshot[] = [];
  for (const commit of await cache.commits()) {
    const files = await cache.linked(commit);
    const names = [...revisions].filter(([, target]) => target === commit).map(([revision]) => revision);
    snapshots.push({ commit, revisions: names.sort(), files });
  }
  const { bytes, incompleteBytes } = await diskUsage(cache.folder);
  return { name: cache.name, folder: cache.folder, bytes, incompleteBytes, snapshots };
}

async function readRevisions(cache: CachedRepository): Promise<Map<string, string>> {
  const refs = join(cache.folder, 'refs');
  const revisions = new Map<string, string>();
  for (const path of await listTree(refs)) {
    const commit = (await readFile(path, 'utf8').catch(() => '')).trim();
    if (isCommit(commit)) revisions.set(relative(refs, path).split(sep).join('/'), commit);
  }
  return revisions;
}

/** Bytes of files, links not followed: a blob counts once, however many snapshots link to it. */
async function diskUsage(folder: string): Promise<{ bytes: number; incompleteBytes: number }> {
  const usage = { bytes: 0, incompleteBytes: 0 };
  for (const path of await listTree(folder)) {
    const found = await lstat(path).catch(() => undefined);
    if (!found?.isFile()) continue;
    usage.bytes += found.size;
    if (path.endsWith('.incomplete')) usage.incompleteBytes += found.size;
  }
  return usage;
}

function notCached(cacheDir: string, name: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_MODEL_NOT_FOUND',
    `Expected a model in the cache ${cacheDir} but '${name}' is not there; 'embedlane models list' shows what is`,
  );
}
