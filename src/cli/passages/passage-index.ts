import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AtomicFile } from '../../core/atomic-file.js';
import type { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import { FlatIndex } from '../../index/index.js';
import type { Passage } from './collect.js';

/**
 * A folder of passages holds `passages-<hash>.jsonl`, `vectors-<id>/` (a FlatIndex whose ids are the passages'
 * numbers) and `manifest.json`, which names the other two. The manifest is renamed into place last, so a reader
 * finds the old state or the new one, whatever happens in between.
 */
const MANIFEST = 'manifest.json';
const FORMAT = 'embedlane-passages';
const VERSION = 2;
const PASSAGES = /^passages-[0-9a-f]{16}\.jsonl$/;
const VECTORS = /^vectors-[0-9a-f]{16}$/;
/** What earlier versions wrote, so that it can be replaced. */
const OLD_DATA = /^vectors-[0-9a-f]{16}\.npy$/;

export interface Manifest {
  format: typeof FORMAT;
  version: number;
  created: string;
  /** What was indexed, as it was given. */
  source: string;
  model: { id: string; dtype: string };
  rows: number;
  dims: number;
  passages: { name: string; bytes: number; sha256: string };
  vectors: { name: string; bytes: number };
}

export interface PassageIndex extends AsyncDisposable {
  manifest: Manifest;
  passages: Passage[];
  vectors: FlatIndex;
}

/** Writes a folder of passages, replacing one that is there. */
export async function writePassageIndex(
  folder: string,
  content: { source: string; model: { id: string; dtype: string }; passages: Passage[]; vectors: Embeddings },
): Promise<Manifest> {
  const { passages, vectors, source, model } = content;
  await io(folder, () => mkdir(folder, { recursive: true }));
  const manifest: Manifest = {
    format: FORMAT,
    version: VERSION,
    created: new Date().toISOString(),
    source,
    model,
    rows: vectors.rows,
    dims: vectors.dims,
    passages: await writePassages(folder, passages),
    vectors: await writeVectors(folder, vectors),
  };
  await AtomicFile.write(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  await removeOldData(folder, manifest);
  return manifest;
}

/**
 * Opens a folder of passages and checks every byte of it.
 *
 * @throws {EmbedlaneError} `ERR_IO` when there is none, `ERR_VERSION` for one that another version of embedlane
 * wrote, `ERR_CORRUPT` for a damaged one
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
  const passages = await readPassages(folder, manifest.passages);
  const vectors = await FlatIndex.open(join(folder, manifest.vectors.name), {
    verify: 'full',
    readOnly: true,
  });
  const { rows, dims } = manifest;
  if (vectors.size !== rows || vectors.dims !== dims || passages.length !== rows) {
    throw new EmbedlaneError(
      'ERR_CORRUPT',
      `Expected ${rows} × ${dims} vectors and as many passages in ${folder} but received ${vectors.size} × ${vectors.dims} and ${passages.length}`,
    );
  }
  return { manifest, passages, vectors, [Symbol.asyncDispose]: () => vectors.close() };
}

async function writePassages(folder: string, passages: readonly Passage[]): Promise<Manifest['passages']> {
  const lines = Buffer.from(passages.map((passage) => `${JSON.stringify(passage)}\n`).join(''));
  const sha256 = createHash('sha256').update(lines).digest('hex');
  const name = `passages-${sha256.slice(0, 16)}.jsonl`;
  await AtomicFile.write(join(folder, name), lines);
  return { name, bytes: lines.length, sha256 };
}

async function writeVectors(folder: string, vectors: Embeddings): Promise<Manifest['vectors']> {
  const name = `vectors-${randomBytes(8).toString('hex')}`;
  const path = join(folder, name);
  await using index = new FlatIndex({ dims: vectors.dims });
  index.add(vectors);
  await index.save(path);
  const files = await io(path, () => readdir(path));
  const sizes = await Promise.all(
    files.map((file) => io(path, async () => (await stat(join(path, file))).size)),
  );
  return { name, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function removeOldData(folder: string, manifest: Manifest): Promise<void> {
  const current = [manifest.passages.name, manifest.vectors.name];
  for (const name of await io(folder, () => readdir(folder))) {
    const isData = PASSAGES.test(name) || VECTORS.test(name) || OLD_DATA.test(name);
    if (isData && !current.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
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
  if (manifest.version !== VERSION) {
    throw new EmbedlaneError(
      'ERR_VERSION',
      `Expected an index of version ${VERSION} in ${path} but received version ${manifest.version}; update embedlane or index again`,
    );
  }
  const { rows, dims, passages, vectors, model } = manifest;
  const counts = [rows, dims].every((value) => Number.isSafeInteger(value) && (value as number) >= 0);
  const names = PASSAGES.test(`${passages?.name}`) && VECTORS.test(`${vectors?.name}`);
  if (!counts || !names || typeof model?.id !== 'string') throw corrupt();
  return manifest as Manifest;
}

async function readPassages(folder: string, expected: Manifest['passages']): Promise<Passage[]> {
  const path = join(folder, expected.name);
  const bytes = await io(path, () => readFile(path));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (bytes.length !== expected.bytes || sha256 !== expected.sha256) {
    throw new EmbedlaneError(
      'ERR_CORRUPT',
      `Expected ${expected.bytes} bytes with the manifest's SHA-256 in ${path} but received ${bytes.length} other bytes; index again`,
    );
  }
  const lines = bytes.toString('utf8').split('\n');
  lines.pop();
  try {
    return lines.map((line) => JSON.parse(line) as Passage);
  } catch (cause) {
    throw new EmbedlaneError('ERR_CORRUPT', `Expected JSON lines in ${path} but received something else`, {
      cause,
    });
  }
}
