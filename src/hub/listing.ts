import { describe, EmbedlaneError } from '../core/errors.js';

/** A file of a repository at one commit. Field names follow huggingface_hub's. */
export interface RepositoryFile {
  /** Path below the repository, with `/`. */
  path: string;
  /** Bytes. */
  size: number;
  /** Git's SHA-1 of the file, or of the pointer to it where the content is in large-file storage. */
  blobId: string;
  /** SHA-256 of a content in large-file storage. */
  sha256: string | undefined;
  /** Another storage's hash, kept for huggingface_hub. */
  xetHash: string | undefined;
}

/** Name of a file's content in the cache and in the `ETag` header. */
export function etagOf(file: RepositoryFile): string {
  return file.sha256 ?? file.blobId;
}

/**
 * Reads one page of the answer to `GET /api/models/{name}/tree/{commit}?recursive=true`.
 *
 * @throws {EmbedlaneError} `ERR_DOWNLOAD` for an answer that is no listing, or that names a path outside of
 *   the repository
 */
export function parseTree(value: unknown, source: string): RepositoryFile[] {
  if (!Array.isArray(value)) throw unexpected('a list of files', value, source);
  return value
    .filter((entry) => (entry as { type?: unknown } | null)?.type === 'file')
    .map((entry: { path?: unknown; size?: unknown; oid?: unknown; lfs?: unknown; xetHash?: unknown }) => {
      const lfs = entry.lfs as { oid?: unknown; size?: unknown } | null | undefined;
      return checkFile(
        {
          path: entry.path,
          size: lfs ? lfs.size : entry.size,
          blobId: entry.oid,
          sha256: lfs?.oid,
          xetHash: entry.xetHash,
        },
        source,
      );
    });
}

/** Checks a file's description, which comes from a server or from a file that anyone could have written. */
export function checkFile(
  file: { [Field in keyof RepositoryFile]: unknown },
  source: string,
): RepositoryFile {
  const { path, size, blobId, sha256, xetHash } = file;
  if (!isSafePath(path)) throw unexpected('paths inside the repository', path, source);
  if (!Number.isSafeInteger(size) || (size as number) < 0) {
    throw unexpected(`a size for ${path}`, size, source);
  }
  if (!isHex(blobId, 40)) throw unexpected(`a SHA-1 for ${path}`, blobId, source);
  if (sha256 !== undefined && !isHex(sha256, 64)) throw unexpected(`a SHA-256 for ${path}`, sha256, source);
  return { path, size: size as number, blobId, sha256, xetHash: isHex(xetHash, 64) ? xetHash : undefined };
}

export function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}

/** Whether a path stays below the folder that it is joined to, on every platform. */
export function isSafePath(path: unknown): path is string {
  if (typeof path !== 'string' || path.length > 4096) return false;
  // Control characters, Windows' separators, drives and streams.
  if (/[\p{Cc}\\:]/u.test(path)) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function unexpected(expected: string, actual: unknown, source: string): EmbedlaneError {
  return new EmbedlaneError(
    'ERR_DOWNLOAD',
    `Expected ${expected} from ${source} but received ${describe(actual)}`,
  );
}
