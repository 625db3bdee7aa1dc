import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import { loadBinding } from '../../native/load.js';
import type { Bitmap } from '../bitmap.js';
import type { Contents } from '../contents.js';
import type { IndexSpec } from '../spec.js';
import { files, withFile } from './files.js';
import {
  FORMAT_VERSION,
  isDataFile,
  isOwnFile,
  LOCK,
  logName,
  MANIFEST,
  newId,
  segmentName,
} from './format.js';
import { encodeBatch, encodeLogHeader, LOG_HEADER_BYTES } from './log-format.js';
import { type Manifest, publishManifest, type SegmentReference } from './manifest.js';
import { writeSegment } from './segment-writer.js';

/** Takes the lock of the one who changes the index in `folder`. */
export function lockFolder(folder: string): () => void {
  const release = loadBinding().lockFile(join(folder, LOCK));
  if (release === null) {
    throw new EmbedlaneError(
      'ERR_LOCKED',
      `Expected to be the only one who changes the index in ${folder} but it is open for writing elsewhere`,
    );
  }
  return release;
}

/** What a new state of an index consists of. */
export interface NewState {
  spec: IndexSpec;
  contents: Contents;
  /** Segments that stay. */
  segments: readonly SegmentReference[];
  /** Rows of the new segment: batches of their positions, and how many. */
  batches: Iterable<Uint32Array>;
  rows: number;
  /** Positions in the new state that are removed, with how many rows it has then. */
  removed: readonly number[];
  total: number;
}

/** Writes a state of an index and makes it the current one; the old one's files are removed afterwards. */
export async function writeState(
  folder: string,
  state: NewState,
): Promise<{ manifest: Manifest; text: string }> {
  const { spec, contents, batches, rows, removed, total } = state;
  const { nextId } = contents.ids;
  const segments = [...state.segments];
  if (rows > 0) segments.push(await writeSegment(folder, spec, contents, batches, rows));
  const log = newId();
  const bytes = await withFile(join(folder, logName(log)), 'wx+', async (file) => {
    await file.write(encodeLogHeader(log), 0);
    let at = LOG_HEADER_BYTES;
    if (removed.length > 0) {
      const commit = { rows: total, live: total - removed.length, nextId };
      for (const record of encodeBatch(1, contents, { start: 0, end: 0 }, removed, commit)) {
        await file.write(record, at);
        at += record.length;
      }
    }
    await file.sync();
    return at;
  });
  const manifest: Manifest = {
    format: 'embedlane-index',
    // Version 1 knows no codes in files, and no other acceleration than 'int8'.
    version: spec.accelerate === null ? 1 : FORMAT_VERSION,
    dims: spec.dims,
    metric: spec.metric,
    dtype: spec.dtype,
    accelerate: spec.accelerate,
    nextId,
    segments,
    log: { id: log, bytes },
  };
  const text = await publishManifest(folder, manifest);
  await removeUnnamed(folder, manifest);
  return { manifest, text };
}

/** Removes the data files that the manifest does not name: an older state's, or those of a write that failed. */
export async function removeUnnamed(folder: string, { segments, log }: Manifest): Promise<void> {
  const named = new Set([logName(log.id), ...segments.map(({ id }) => segmentName(id))]);
  // The new state counts already: what stays behind is only rubbish.
  for (const name of await files()
    .list(folder)
    .catch(() => [])) {
    if (isDataFile(name) && !named.has(name)) await files().remove(join(folder, name));
  }
}

/**
 * Writes the live rows as an index of their own, replacing one that is there.
 *
 * @param live which rows, a copy
 * @throws {EmbedlaneError} `ERR_IO`, `ERR_LOCKED`, and `ERR_INVALID_ARG` for a folder with other things in it
 */
export async function saveIndex(
  folder: string,
  spec: IndexSpec,
  contents: Contents,
  live: Bitmap,
): Promise<void> {
  await files().makeFolder(folder);
  const names = await files().list(folder);
  if (!names.includes(MANIFEST) && !names.every(isOwnFile)) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected a new, an empty or an index folder for path but received ${folder}, which holds other files`,
    );
  }
  const unlock = lockFolder(folder);
  try {
    await writeState(folder, {
      spec,
      contents,
      segments: [],
      batches: contents.batches(live),
      rows: live.count,
      removed: [],
      total: live.count,
    });
  } finally {
    unlock();
  }
}
