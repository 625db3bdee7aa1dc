import { join } from 'node:path';
import pLimit from 'p-limit';
import { EmbedlaneError } from '../../core/errors.js';
import { Contents } from '../contents.js';
import { corrupt, MANIFEST } from './format.js';
import { type LogEnd, replayLog } from './log-reader.js';
import { type Manifest, readManifest, type SegmentReference } from './manifest.js';
import { addSegment, type LoadOptions, openSegment } from './segment-reader.js';

/** An index as it was on the disk at one moment. */
export interface LoadedIndex {
  manifest: Manifest;
  manifestText: string;
  contents: Contents;
  log: LogEnd;
  /** Segments of whose rows only a few were checked. */
  unchecked: SegmentReference[];
}

/** Segments that are read at a time: most of the time of opening one is waiting. */
const AT_ONCE = 8;

/** A writer replaces the files at most every so often; each time, the reader begins anew. */
const ATTEMPTS = 100;

/**
 * Reads the index in `folder`, while others may be writing it.
 *
 * @throws {EmbedlaneError} `ERR_IO` if there is none, `ERR_CORRUPT`, `ERR_VERSION`
 */
export async function loadIndex(folder: string, options: LoadOptions): Promise<LoadedIndex> {
  for (let attempt = 1; ; attempt++) {
    const { manifest, text } = await readManifest(folder);
    const contents = new Contents(manifest);
    try {
      const unchecked = await loadSegments(folder, manifest, contents, options);
      const log = await replayLog(folder, manifest.log, contents);
      contents.ids.nextId = Math.max(contents.ids.nextId, manifest.nextId);
      return { manifest, manifestText: text, contents, log, unchecked };
    } catch (error) {
      contents.release();
      if (!(error instanceof EmbedlaneError) || error.code !== 'ERR_IO') throw error;
      // A writer may have replaced the manifest since it was read, and removed the files that it named.
      const isSame = (await readManifest(folder)).text === text;
      if (!isSame && attempt < ATTEMPTS) continue;
      if (!isMissing(error)) throw error;
      throw corrupt(join(folder, MANIFEST), 'the names of files that exist', 'the name of a missing one');
    }
  }
}

/** Adds the rows of all segments, in their order; returns those of whose rows only some are checked. */
export async function loadSegments(
  folder: string,
  manifest: Manifest,
  contents: Contents,
  options: LoadOptions,
): Promise<SegmentReference[]> {
  const unchecked: SegmentReference[] = [];
  const limit = pLimit({ concurrency: AT_ONCE, rejectOnClear: true });
  const opened = manifest.segments.map((segment) =>
    limit(() => openSegment(folder, manifest, segment, options)),
  );
  const over = Promise.allSettled(opened);
  try {
    for (const segment of opened) {
      const read = await segment;
      if (!(await addSegment(folder, read, contents, options))) unchecked.push(read.reference);
    }
    return unchecked;
  } finally {
    // After a failure no file is still being read.
    limit.clearQueue();
    await over;
  }
}

/** Whether an `ERR_IO` is that of a file that is not there. */
export function isMissing({ cause }: EmbedlaneError): boolean {
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}
