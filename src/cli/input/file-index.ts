import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AtomicFile } from '../../core/atomic-file.js';
import type { MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import { FlatIndex } from '../../index/index.js';
import type { ModelFlags } from '../options.js';

/**
 * An index of pictures, sounds or films is a folder with `pictures.json`, `sounds.json` or `films.json`, which says how
 * it was made, and `vectors/`, a FlatIndex whose ids are the files' names; with a media fragment (`#t=30,40`, W3C 2012)
 * for a part of one. The JSON file is removed first and written last, so that a folder with one is complete.
 */
const VECTORS = 'vectors';
const VERSION = 1;

export const FILE_KINDS = ['pictures', 'sounds', 'films'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

const manifestName = (kind: FileKind) => `${kind}.json`;

export interface FileManifest {
  format: `embedlane-${FileKind}`;
  version: number;
  created: string;
  /** Absolute path of the folder that names are relative to. */
  root: string;
  model: { id: string; dtype: ModelFlags['dtype'] };
  rows: number;
  dims: number;
}

export interface FileIndex {
  kind: FileKind;
  manifest: FileManifest;
  vectors: FlatIndex;
}

/** Writes an index folder, replacing an index that is there. */
export async function writeFileIndex(
  folder: string,
  kind: FileKind,
  content: { root: string; model: FileManifest['model']; ids: string[]; vectors: MatrixLike },
): Promise<FileManifest> {
  const { root, model, ids, vectors } = content;
  const { rows, dims } = vectors;
  const index = new FlatIndex({ dims, metric: 'cosine' });
  index.add(vectors, ids);
  await io(folder, () => mkdir(folder, { recursive: true }));
  await forgetFileIndex(folder);
  await index.save(join(folder, VECTORS));
  await index.close();
  const created = new Date().toISOString();
  const format = `embedlane-${kind}` as const;
  const manifest: FileManifest = { format, version: VERSION, created, root, model, rows, dims };
  await AtomicFile.write(join(folder, manifestName(kind)), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Makes a folder one without an index of pictures, sounds or films, so that it may have one of texts. */
export async function forgetFileIndex(folder: string): Promise<void> {
  for (const kind of FILE_KINDS) {
    await io(folder, () => rm(join(folder, manifestName(kind)), { force: true }));
  }
}

/**
 * Opens an index of pictures, sounds or films.
 *
 * @returns undefined if the folder has none, in which case it may have one of texts
 * @throws {EmbedlaneError} `ERR_VERSION`, `ERR_CORRUPT`
 */
export async function openFileIndex(folder: string): Promise<FileIndex | undefined> {
  for (const kind of FILE_KINDS) {
    const path = join(folder, manifestName(kind));
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      // Whoever looks for texts next says of a file that it is no index folder.
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) continue;
      return io(path, () => Promise.reject(error as Error));
    }
    return openVectors(folder, kind, parseManifest(text, kind, path));
  }
  return undefined;
}

async function openVectors(folder: string, kind: FileKind, manifest: FileManifest): Promise<FileIndex> {
  const vectors = await FlatIndex.open(join(folder, VECTORS), { verify: 'full' });
  if (vectors.size === manifest.rows && vectors.dims === manifest.dims) return { kind, manifest, vectors };
  throw new EmbedlaneError(
    'ERR_CORRUPT',
    `Expected ${manifest.rows} × ${manifest.dims} vectors in ${folder} but received ${vectors.size} × ${vectors.dims}; index again`,
  );
}

function parseManifest(text: string, kind: FileKind, path: string): FileManifest {
  const format = `embedlane-${kind}`;
  let manifest: Partial<FileManifest> | null;
  try {
    manifest = JSON.parse(text) as Partial<FileManifest> | null;
  } catch (cause) {
    throw new EmbedlaneError('ERR_CORRUPT', `Expected JSON in ${path} but received something else`, {
      cause,
    });
  }
  if (manifest?.format === format && typeof manifest.version === 'number' && manifest.version > VERSION) {
    throw new EmbedlaneError(
      'ERR_VERSION',
      `Expected an index of version ${VERSION} in ${path} but received version ${manifest.version}; update embedlane or index again`,
    );
  }
  const complete =
    manifest?.format === format &&
    typeof manifest.root === 'string' &&
    typeof manifest.model?.id === 'string' &&
    typeof manifest.rows === 'number' &&
    typeof manifest.dims === 'number';
  if (complete) return manifest as FileManifest;
  throw new EmbedlaneError(
    'ERR_CORRUPT',
    `Expected an index manifest in ${path} but received something else`,
  );
}
