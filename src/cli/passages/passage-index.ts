import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import { AtomicFile } from '../output/atomic-file.js';
import { npyHeader, parseNpy } from '../output/npy.js';
import type { Passage } from './collect.js';

/**
 * An index folder holds three files: `passages-<hash>.jsonl`, `vectors-<hash>.npy` and `manifest.json`, which
 * names the other two with their lengths and SHA-256. The manifest is renamed into place last, so a reader
 * finds the old index or the new one, whatever happens in between.
 */
const MANIFEST = 'manifest.json';
const FORMAT = 'embedlane-passages';
const VERSION = 1;
const DATA_FILE = /^(passages|vectors)-[0-9a-f]{16}\.(jsonl|npy)$/;

interface DataFile {
  name: string;
  bytes: number;
  sha256: string;
}

export interface Manifest {
  format: typeof FORMAT;
  version: number;
  created: string;
  /** What was indexed, as it was given. */
  source: string;
  model: { id: string; dtype: string };
  rows: number;
  dims: number;
  passages: DataFile;
  vectors: DataFile;
}

export interface PassageIndex {
  manifest: Manifest;
  passages: Passage[];
  vectors: Embeddings;
}

/** Writes an index folder, replacing an index that is there. */
export async function writePassageIndex(
  folder: string,
  content: { source: string; model: { id: string; dtype: string }; passages: Passage[]; vectors: Embeddings },
): Promise<Manifest> {
  const { passages, vectors, source, model } = content;
  await io(folder, () => mkdir(folder, { recursive: true }));
  const lines = Buffer.from(passages.map((passage) => `${JSON.stringify(passage)}\n`).join(''));
  const { data } = vectors;
  const matrix = [
    npyHeader(vectors.rows, vectors.dims),
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  ];

  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    created: new Date().toISOString(),
    source,
    model,
    rows: vectors.rows,
    dims: vectors.dims,
    passages: await writeData(folder, 'passages', 'jsonl', [lines]),
    vectors: await writeData(folder, 'vectors', 'npy', matrix),
  };
  await writeFile(join(folder, MANIFEST), [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)]);
  await removeOldData(folder, manifest);
  return manifest;
}

/**
 * Reads an index folder and checks every byte of it.
 *
 * @throws {EmbedlaneError} `ERR_IO` when there is no index, `ERR_VERSION` for one that a newer embedlane wrote,
 * `ERR_CORRUPT` for a damaged one
 */
export async function openPassageIndex(folder: string): Promise<PassageIndex> {
  const path = join(folder, MANIFEST);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new EmbedlaneError(
      'ERR_IO',
      `Expected an index folder at ${folder} but received ${(cause as NodeJS.ErrnoException).code}; make one with: embedlane index <folder or file>`,
      { cause },
    );
  }
  const manifest = parseManifest(text, path);
  const lines = await readData(folder, manifest.passages);
  const { data, rows, dims } = parseNpy(await readData(folder, manifest.vectors), manifest.vectors.name);
  const passages = parsePassages(lines, manifest.passages.name);
  if (rows !== manifest.rows || dims !== manifest.dims || passages.length !== rows) {
    throw new EmbedlaneError(
      'ERR_CORRUPT',
      `Expected ${manifest.rows} × ${manifest.dims} vectors and as many passages in ${folder} but received ${rows} × ${dims} and ${passages.length}`,
    );
  }
  return { manifest, passages, vectors: new Embeddings(data, rows, dims) };
}

async function writeData(
  folder: string,
  kind: string,
  extension: string,
  parts: Uint8Array[],
): Promise<DataFile> {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  const sha256 = hash.digest('hex');
  const name = `${kind}-${sha256.slice(0, 16)}.${extension}`;
  await writeFile(join(folder, name), parts);
  return { name, bytes: parts.reduce((sum, part) => sum + part.length, 0), sha256 };
}

async function writeFile(path: string, parts: Uint8Array[]): Promise<void> {
  const file = await AtomicFile.create(path);
  try {
    for (const part of parts) await file.append(part);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

async function removeOldData(folder: string, manifest: Manifest): Promise<void> {
  for (const name of await io(folder, () => readdir(folder))) {
    if (DATA_FILE.test(name) && name !== manifest.passages.name && name !== manifest.vectors.name) {
      await rm(join(folder, name), { force: true });
    }
  }
}

function parseManifest(text: string, path: string): Manifest {
  const corrupt = (cause?: unknown) =>
    new EmbedlaneError('ERR_CORRUPT', `Expected an index manifest in ${path} but received something else`, {
      cause,
    });
  let manifest: Partial<Manifest>;
  try {
    manifest = JSON.parse(text) as Partial<Manifest>;
  } catch (cause) {
    throw corrupt(cause);
  }
  if (manifest?.format !== FORMAT || typeof manifest.version !== 'number') throw corrupt();
  if (manifest.version > VERSION) {
    throw new EmbedlaneError(
      'ERR_VERSION',
      `Expected an index of version ${VERSION} in ${path} but received version ${manifest.version}; update embedlane or index again`,
    );
  }
  const counts = [manifest.rows, manifest.dims].every(
    (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  );
  const files = [manifest.passages, manifest.vectors].every((file) => file && DATA_FILE.test(file.name));
  if (!counts || !files || typeof manifest.model?.id !== 'string') throw corrupt();
  return manifest as Manifest;
}

async function readData(folder: string, expected: DataFile): Promise<Buffer> {
  const path = join(folder, expected.name);
  const bytes = await io(path, () => readFile(path));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (bytes.length !== expected.bytes || sha256 !== expected.sha256) {
    throw new EmbedlaneError(
      'ERR_CORRUPT',
      `Expected ${expected.bytes} bytes with the manifest's SHA-256 in ${path} but received ${bytes.length} other bytes; index again`,
    );
  }
  return bytes;
}

function parsePassages(bytes: Buffer, name: string): Passage[] {
  const lines = bytes.toString('utf8').split('\n');
  lines.pop();
  try {
    return lines.map((line) => JSON.parse(line) as Passage);
  } catch (cause) {
    throw new EmbedlaneError('ERR_CORRUPT', `Expected JSON lines in ${name} but received something else`, {
      cause,
    });
  }
}
