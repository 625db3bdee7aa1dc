import { readFile, rm, stat } from 'node:fs/promises';
import { AtomicFile } from '../../core/atomic-file.js';
import { EmbedlaneError } from '../../core/errors.js';
import { io } from '../../core/io.js';
import type { SinkState } from '../output/vector-sink.js';
import type { JobIdentity } from './identity.js';

const FORMAT = 'embedlane-bulk';
const VERSION = 2;

/** How far a job is, as the last checkpoint has it. */
export interface Checkpoint {
  identity: JobIdentity;
  sink: SinkState;
  /** SHA-256 of the texts whose rows are there. */
  texts: string;
  /** Set before the output gets its name. */
  complete: boolean;
}

/** The files of a job beside its output `out`. */
export function jobFiles(out: string) {
  return {
    temporary: `${out}.partial`,
    manifest: `${out}.partial.json`,
    /** The same for every process, so that one that is killed leaves no names that nobody knows. */
    nextManifest: `${out}.partial.json.new`,
    lock: `${out}.partial.lock`,
  };
}

/**
 * The checkpoint that an earlier process left for `out`.
 *
 * @throws {EmbedlaneError} `ERR_CORRUPT`, `ERR_VERSION`, `ERR_IO`
 */
export async function readCheckpoint(out: string): Promise<Checkpoint | undefined> {
  const { manifest } = jobFiles(out);
  let text: string;
  try {
    text = await readFile(manifest, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return io(manifest, () => Promise.reject(error));
  }
  const corrupt = () =>
    new EmbedlaneError(
      'ERR_CORRUPT',
      `Expected a checkpoint of embedlane embed in ${manifest} but received something else; --no-resume starts again`,
    );
  let value: Partial<Checkpoint> & { format?: unknown; version?: unknown };
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    throw corrupt();
  }
  if (value?.format !== FORMAT) throw corrupt();
  if (value.version !== VERSION) {
    throw new EmbedlaneError(
      'ERR_VERSION',
      `Expected a checkpoint of version ${VERSION} in ${manifest} but received version ${value.version}; --no-resume starts again`,
    );
  }
  const { identity, sink, texts, complete } = value;
  const counts = [sink?.bytes, sink?.texts, sink?.rows, sink?.dims];
  if (!identity || typeof texts !== 'string' || !counts.every((count) => Number.isSafeInteger(count))) {
    throw corrupt();
  }
  return { identity, sink: sink as SinkState, texts, complete: complete === true };
}

export async function writeCheckpoint(out: string, checkpoint: Checkpoint): Promise<void> {
  const content = JSON.stringify({ format: FORMAT, version: VERSION, ...checkpoint });
  const { manifest, nextManifest } = jobFiles(out);
  await AtomicFile.write(manifest, `${content}\n`, nextManifest);
}

/** Removes what a job has done, but not its lock: who goes on to write has to keep that under its name. */
export async function removeProgress(out: string): Promise<void> {
  const { temporary, manifest, nextManifest } = jobFiles(out);
  // The manifest first: without it, nothing is taken for a job's.
  for (const path of [manifest, nextManifest, temporary]) await rm(path, { force: true });
}

/** Removes all that a job leaves beside its output, for one that writes no more. */
export async function removeCheckpoint(out: string): Promise<void> {
  await removeProgress(out);
  await rm(jobFiles(out).lock, { force: true });
}

/** Whether an earlier process completed `out` and ended before it could say so. */
export async function isComplete(out: string, { complete, sink }: Checkpoint): Promise<boolean> {
  if (!complete) return false;
  const [partial, whole] = await Promise.all(
    [jobFiles(out).temporary, out].map((path) => stat(path).catch(() => undefined)),
  );
  return partial === undefined && whole !== undefined && whole.size >= sink.bytes;
}
