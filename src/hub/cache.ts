import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { EmbedlaneError } from '../core/errors.js';
import { ioError } from '../core/io.js';
import { checkFile, etagOf, isHex, isSafePath, type RepositoryFile } from './listing.js';

const TREE_FORMAT = 1;

/**
 * One repository in the cache of Python's huggingface_hub, which this reads and writes in place:
 * `models--org--name/` with `blobs/<etag>`, `snapshots/<commit>/<path>` → `../../blobs/<etag>`,
 * `refs/<revision>` and `trees/<commit>.json`.
 */
export class CachedRepository {
  readonly name: string;
  readonly folder: string;
  readonly #cacheDir: string;

  /** @param name `org/name`, already checked */
  constructor(cacheDir: string, name: string) {
    this.name = name;
    this.#cacheDir = cacheDir;
    this.folder = join(cacheDir, repositoryFolder(name));
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  /**
   * Where a download of a blob is collected. huggingface_hub makes `<etag>.<random>.incomplete` and does not
   * resume; a fixed name of the same form can be resumed, and is cleaned up by its `hf cache prune`.
   */
  partial(etag: string): string {
    return this.blob(`${etag}.embedlane.incomplete`);
  }

  /** The file that huggingface_hub locks while it downloads a blob. */
  lock(etag: string): string {
    return join(this.#cacheDir, '.locks', repositoryFolder(this.name), `${etag}.lock`);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** Absolute path of a file in a snapshot, whether it is there or not. */
  file(commit: string, path: string): string {
    return join(this.snapshot(commit), ...path.split('/'));
  }

  /** The commit that a revision stood for when it was last asked, or undefined. */
  async commitOf(revision: string): Promise<string | undefined> {
    const text = await readIfThere(join(this.folder, 'refs', ...revision.split('/')));
    const commit = text?.trim();
    return isHex(commit, 40) ? commit : undefined;
  }

  async writeRef(revision: string, commit: string): Promise<void> {
    if ((await this.commitOf(revision)) === commit) return;
    await replaceFile(join(this.folder, 'refs', ...revision.split('/')), commit);
  }

  /** The listing of a commit that we or huggingface_hub left here, or undefined; a damaged one is ignored. */
  async readTree(commit: string): Promise<RepositoryFile[] | undefined> {
    const path = this.#tree(commit);
    const text = await readIfThere(path);
    if (text === undefined) return undefined;
    try {
      const { format_version, files } = JSON.parse(text) as {
        format_version: unknown;
        files: Record<string, Record<string, unknown>>;
      };
      if (format_version !== TREE_FORMAT) return undefined;
      return Object.entries(files).map(([name, info]) =>
        checkFile(
          {
            path: name,
            size: info.lfs_size ?? info.size,
            blobId: info.blob_id,
            sha256: info.lfs_sha256,
            xetHash: info.xet_hash,
          },
          path,
        ),
      );
    } catch {
      return undefined;
    }
  }

  async writeTree(commit: string, files: readonly RepositoryFile[]): Promise<void> {
    const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
    const entries = sorted.map(({ path, size, blobId, sha256, xetHash }) => {
      const large = sha256 === undefined ? {} : { lfs_sha256: sha256, lfs_size: size };
      return [path, { size, blob_id: blobId, ...large, ...(xetHash && { xet_hash: xetHash }) }] as const;
    });
    const value = { format_version: TREE_FORMAT, files: Object.fromEntries(entries) };
    await replaceFile(this.#tree(commit), JSON.stringify(value, null, 1));
  }

  /** Commits of which files are here. */
  async commits(): Promise<string[]> {
    return (await listFolder(join(this.folder, 'snapshots'))).filter((name) => isHex(name, 40)).sort();
  }

  /** Paths of the files of a snapshot that are here, with `/`. A link whose blob is gone does not count. */
  async present(commit: string): Promise<string[]> {
    const paths: string[] = [];
    for (const path of await this.linked(commit)) if (await isFile(this.file(commit, path))) paths.push(path);
    return paths;
  }

  /** Paths of the files of a snapshot, with `/`, links whose blob is gone among them. */
  async linked(commit: string): Promise<string[]> {
    const root = this.snapshot(commit);
    const paths = (await listTree(root)).map((entry) => relative(root, entry).split(sep).join('/'));
    return paths.filter(isSafePath).sort();
  }

  /** Whether a snapshot has a file, whole as far as its size tells. */
  async has(commit: string, file: RepositoryFile): Promise<boolean> {
    const found = await stat(this.file(commit, file.path)).catch(() => undefined);
    return found?.isFile() === true && found.size === file.size;
  }

  /** Puts a downloaded blob into a snapshot under its name: as a link, or as a copy where links are not possible. */
  async link(commit: string, file: RepositoryFile): Promise<void> {
    const path = this.file(commit, file.path);
    const blob = this.blob(etagOf(file));
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
    try {
      await symlink(relative(dirname(path), blob), temporary);
    } catch (error) {
      // Windows without developer mode, and file systems without links: huggingface_hub moves the file there.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EPERM' && code !== 'ENOSYS' && code !== 'ENOTSUP') throw error;
      await rename(blob, path);
      return;
    }
    await rename(temporary, path);
  }

  #tree(commit: string): string {
    return join(this.folder, 'trees', `${commit}.json`);
  }
}

/** `org/name` → `models--org--name`. */
export function repositoryFolder(name: string): string {
  return ['models', ...name.split('/')].join('--');
}

/** Names in a folder, or none if there is no such folder. */
export async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw new EmbedlaneError('ERR_IO', `Expected a readable folder at ${folder}`, { cause: error });
  }
}

/** Absolute paths of everything below a folder that is not itself a folder. */
export async function listTree(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw new EmbedlaneError('ERR_IO', `Expected a readable folder at ${folder}`, { cause: error });
  }
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === 'EISDIR') return undefined;
    throw ioError('a readable file', path, error);
  }
}

/** Writes a small file so that readers see the old one or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  await mkdir(dirname(path), { recursive: true });
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
