import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AtomicFile } from '../../core/atomic-file.js';
import type { MatrixLike } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import { FlatIndex } from '../../index/index.js';
import type { ModelFlags } from '../options.js';

/**
 * An index of pictures is a folder with `pictures.json`, which says how it was made, and `vectors/`, a FlatIndex
 * whose ids are the pictures' names. The JSON file is removed first and written last, so that a folder with one
 * is complete.
 */
const MANIFEST = 'pictures.json';
const VECTORS = 'vectors';
const FORMAT = 'embedlane-pictures';
const VERSION = 1;

export interface ImageManifest {
  format: typeof FORMAT;
  version: number;
  created: string;
  /** Absolute path of the folder that names are relative to. */
  root: string;
  model: { id: string; dtype: ModelFlags['dtype'] };
  rows: number;
  dims: number;
}

export interface ImageIndex {
  manifest: ImageManifest;
  vectors: FlatIndex;
}

/** Writes an index folder, replacing an index that is there. */
export async function writeImageIndex(
  folder: string,
  content: { root: string; model: ImageManifest['model']; names: string[]; vectors: MatrixLike },
): Promise<ImageManifest> {
  const { root, model, names, vectors } = content;
  const { rows, dims } = vectors;
  const index = new FlatIndex({ dims, metric: 'cosine' });
  index.add(vectors, names);
  await io(folder, () => mkdir(folder, { recursive: true }));
  await io(folder, () => rm(join(folder, MANIFEST), { force: true }));
  await index.save(join(folder, VECTORS));
  await index.close();
  const created = new Date().toISOString();
  const manifest: ImageManifest = { format: FORMAT, version: VERSION, created, root, model, rows, dims };
  const file = await AtomicFile.create(join(folder, MANIFEST));
  try {
    await file.append(`${JSON.stringify(manifest, null, 2)}\n`);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
  return manifest;
}

/**
 * Opens an index of pictures.
 *
 * @returns undefined if the folder has none, in which case it may have one of texts
 * @throws {EmbedlaneError} `ERR_VERSION`, `ERR_CORRUPT`
 */
export async function openImageIndex(folder: string): Promise<ImageIndex | undefined> {
  const path = join(folder, MANIFEST);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return io(path, () => Promise.reject(error as Error));
  }
  const manifest = parseManifest(text, path);
  const vectors = await FlatIndex.open(join(folder, VECTORS), { verify: 'full' });
  if (vectors.size === manifest.rows && vectors.dims === manifest.dims) return { manifest, vectors };
  throw new EmbedlaneError(
    'ERR_CORRUPT',
    `Expected ${manifest.rows} × ${manifest.dims} vectors in ${folder} but received ${vectors.size} × ${vectors.dims}; index again`,
  );
}

function parseManifest(text: string, path: string): ImageManifest {
  let manifest: Partial<ImageManifest> | null;
  try {
    manifest = JSON.parse(text) as Partial<ImageManifest> | null;
  } catch (cause) {
    throw new EmbedlaneError('ERR_CORRUPT', `Expected JSON in ${path} but received something else`, {
      cause,
    });
  }
  if (manifest?.format === FORMAT && typeof manifest.version === 'number' && manifest.version > VERSION) {
    throw new EmbedlaneError(
      'ERR_VERSION',
      `Expected an index of version ${VERSION} in ${path} but received version ${manifest.version}; update embedlane or index again`,
    );
  }
  const complete =
    manifest?.format === FORMAT &&
    typeof manifest.root === 'string' &&
    typeof manifest.model?.id === 'string' &&
    typeof manifest.rows === 'number' &&
    typeof manifest.dims === 'number';
  if (complete) return manifest as ImageManifest;
  throw new EmbedlaneError(
    'ERR_CORRUPT',
    `Expected an index manifest in ${path} but received something else`,
  );
}
