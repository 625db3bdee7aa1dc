import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { MAX_ROWS } from '../contents.js';
import { isNextId } from '../ids/id.js';
import {
  ACCELERATIONS,
  INDEX_DTYPES,
  INDEX_METRICS,
  type IndexDtype,
  type IndexMetric,
  type IndexSpec,
  isMetricOf,
  MAX_DIMS,
} from '../spec.js';
import { files, withFile } from './files.js';
import {
  corrupt,
  crc32c,
  FORMAT_VERSION,
  isId,
  MANIFEST,
  MANIFEST_TEMPORARY,
  wrongVersion,
} from './format.js';

/**
 * What an index on disk consists of. It is one JSON object on one line, then its CRC-32C in hexadecimal on the
 * next, and it is only ever replaced whole, by a rename.
 */
export interface Manifest extends IndexSpec {
  readonly format: 'embedlane-index';
  readonly version: number;
  /** The next default id, as of the log's beginning. */
  readonly nextId: number;
  /** In the order of their rows. */
  readonly segments: readonly SegmentReference[];
  readonly log: LogReference;
}

export interface SegmentReference {
  readonly id: string;
  readonly rows: number;
  /** Length of the file. */
  readonly bytes: number;
  /** CRC-32C of its first page, which holds the checksums of the rest. */
  readonly headerCrc: number;
}

export interface LogReference {
  readonly id: string;
  /** Length up to which the log is known to be whole: damage before is not a torn write. */
  readonly bytes: number;
}

const MAX_MANIFEST_BYTES = 64 * 2 ** 20;

/**
 * Reads the manifest of an index.
 *
 * @returns also its text, by which a later look can tell whether somebody has replaced it
 * @throws {EmbedlaneError} `ERR_IO` if there is none, `ERR_CORRUPT`, `ERR_VERSION`
 */
export async function readManifest(folder: string): Promise<{ manifest: Manifest; text: string }> {
  const path = join(folder, MANIFEST);
  const text = await withFile(path, 'r', async (file) => {
    const size = await file.size();
    if (size > MAX_MANIFEST_BYTES) throw corrupt(path, 'a manifest', `${size} bytes`);
    const bytes = Buffer.alloc(size);
    return bytes.toString('latin1', 0, await file.read(bytes, 0));
  });
  return { manifest: parseManifest(text, path), text };
}

export function parseManifest(text: string, path: string): Manifest {
  const match = /^([^\n]*)\n([0-9a-f]{8})\n$/.exec(text);
  if (match === null || checksum(match[1]) !== match[2]) {
    throw corrupt(path, 'a manifest with its checksum', `${text.length} other bytes`);
  }
  let value: Partial<Manifest> | null;
  try {
    value = JSON.parse(match[1]) as Partial<Manifest> | null;
  } catch (cause) {
    throw new EmbedlaneError('ERR_CORRUPT', `Expected JSON in ${path} but received something else`, {
      cause,
    });
  }
  if (value?.format !== 'embedlane-index' || !isCount(value.version, 1, MAX_ROWS)) {
    throw corrupt(path, 'the manifest of an index', 'another file');
  }
  if ((value.version as number) > FORMAT_VERSION) throw wrongVersion(path, value.version);
  if (!isManifest(value)) throw corrupt(path, 'the manifest of an index', 'values out of range');
  return value;
}

function isManifest(value: Partial<Manifest>): value is Manifest {
  const { dims, metric, dtype, accelerate, nextId, segments, log } = value;
  return (
    isCount(dims, 1, MAX_DIMS) &&
    INDEX_METRICS.includes(metric as never) &&
    INDEX_DTYPES.includes(dtype as never) &&
    isMetricOf(dtype as IndexDtype, metric as IndexMetric) &&
    (accelerate === null || (ACCELERATIONS.includes(accelerate as never) && dtype === 'f32')) &&
    isNextId(nextId) &&
    Array.isArray(segments) &&
    segments.every(isSegmentReference) &&
    segments.reduce((sum, { rows }) => sum + rows, 0) <= MAX_ROWS &&
    typeof log === 'object' &&
    log !== null &&
    isId(log.id) &&
    isCount(log.bytes, 0, Number.MAX_SAFE_INTEGER)
  );
}

function isSegmentReference(value: Partial<SegmentReference> | null): boolean {
  return (
    isId(value?.id) &&
    isCount(value.rows, 1, MAX_ROWS) &&
    isCount(value.bytes, 1, Number.MAX_SAFE_INTEGER) &&
    isCount(value.headerCrc, 0, 0xffffffff)
  );
}

function isCount(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

export function encodeManifest(manifest: Manifest): string {
  // ASCII only, so that a character is a byte.
  const json = JSON.stringify(manifest);
  return `${json}\n${checksum(json)}\n`;
}

function checksum(json: string): string {
  return crc32c(Buffer.from(json, 'latin1')).toString(16).padStart(8, '0');
}

/**
 * Makes a manifest the index's. The files it names are on the disk already; afterwards, it is too.
 *
 * @returns its text
 */
export async function publishManifest(folder: string, manifest: Manifest): Promise<string> {
  const temporary = join(folder, MANIFEST_TEMPORARY);
  const text = encodeManifest(manifest);
  // The data files' names must not reach the disk after the manifest that uses them.
  await files().syncFolder(folder);
  await files().remove(temporary);
  await withFile(temporary, 'wx+', async (file) => {
    await file.write(Buffer.from(text, 'latin1'), 0);
    await file.sync();
  });
  await files().rename(temporary, join(folder, MANIFEST));
  await files().syncFolder(folder);
  return text;
}
