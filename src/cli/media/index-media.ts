import { join } from 'node:path';
import { concatFloats } from '../../core/concat.js';
import { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { CliContext } from '../context.js';
import { writeFileIndex } from '../input/file-index.js';
import { type FoundFiles, findFiles } from '../input/files.js';
import type { ModelFlags } from '../options.js';
import { count, duration, rate } from '../output/format.js';
import { lastingId } from '../output/index-folder.js';
import { startProgressBar } from '../output/progress-bar.js';
import { loadMediaModel, type MediaKind, type MediaModel } from './model.js';
import { momentId } from './moment.js';

const SUFFIXES: Record<MediaKind, ReadonlySet<string>> = {
  sounds: new Set([
    '.wav',
    '.flac',
    '.mp3',
    '.ogg',
    '.oga',
    '.opus',
    '.m4a',
    '.aac',
    '.aiff',
    '.aif',
    '.wma',
    '.amr',
  ]),
  films: new Set([
    '.mp4',
    '.m4v',
    '.mov',
    '.webm',
    '.mkv',
    '.avi',
    '.mpg',
    '.mpeg',
    '.wmv',
    '.flv',
    '.3gp',
    '.ogv',
  ]),
};
const PARTS: Record<MediaKind, string> = { sounds: 'windows', films: 'frames' };

export interface IndexMediaFlags {
  index: string;
  /** Frames per second of films. */
  fps: number;
  json?: boolean;
}

/** The sounds or films of a source that is to be indexed as such: one that has more of them than of anything else. */
export async function mediaToIndex(
  source: string,
): Promise<{ kind: MediaKind; files: FoundFiles } | undefined> {
  for (const kind of ['sounds', 'films'] as const) {
    const files = await findFiles(source, SUFFIXES[kind]);
    if (files.names.length > files.others) return { kind, files };
  }
  return undefined;
}

/** `embedlane index` of sounds and films. Those that cannot be read are left out and listed. */
export async function indexMedia(
  { kind, files: { root, names, others } }: { kind: MediaKind; files: FoundFiles },
  flags: ModelFlags & IndexMediaFlags,
  { signal }: CliContext,
): Promise<void> {
  await using model = await loadMediaModel(kind, flags, { fps: flags.fps, signal });
  const started = performance.now();
  const { vectors, ids, skipped } = await embedFiles(model, kind, root, names, signal);
  const milliseconds = performance.now() - started;

  const { rows, dims } = await writeFileIndex(flags.index, kind, {
    root,
    model: { id: lastingId(model.modelId), dtype: flags.dtype },
    ids,
    vectors,
  });
  const files = names.length - skipped.length;
  if (flags.json) {
    const summary = { index: flags.index, [kind]: files, rows, dims, skipped, others, model: model.modelId };
    process.stdout.write(`${JSON.stringify({ ...summary, milliseconds })}\n`);
    return;
  }
  for (const { file, reason } of skipped) process.stderr.write(`left out: ${file}: ${reason}\n`);
  const left = others > 0 ? `, ${count(others)} other files left out` : '';
  const speed = `${rate(rows / (milliseconds / 1000))} ${PARTS[kind]}/s`;
  process.stdout.write(
    `${count(rows)} ${PARTS[kind]} of ${count(files)} ${kind} embedded in ${duration(milliseconds)} (${speed}${left}) with ${model.modelId}, in ${flags.index}\n`,
  );
  if (model.encodeText) return;
  const [example, words] = kind === 'sounds' ? ['--audio', 'CLAP'] : ['--image', 'CLIP'];
  process.stdout.write(
    `Search with: embedlane search ${example} <file>. To search with words, index with a ${words} model.\n`,
  );
}

async function embedFiles(
  model: MediaModel,
  kind: MediaKind,
  root: string,
  names: readonly string[],
  signal: AbortSignal,
) {
  const bar = startProgressBar('Embedding', kind, names.length);
  const parts: Float32Array[] = [];
  const ids: string[] = [];
  const skipped: { file: string; reason: string }[] = [];
  let fault: unknown;
  try {
    for (const [i, name] of names.entries()) {
      try {
        const { embeddings, moments } = await model.embedFile(join(root, name), signal);
        parts.push(embeddings.data as Float32Array);
        ids.push(...moments.map((moment) => momentId(name, moment)));
      } catch (error) {
        if (!isFileFault(error)) throw error;
        fault = error;
        skipped.push({ file: name, reason: error.message });
      }
      bar.update(i + 1);
    }
  } finally {
    bar.stop();
  }
  if (ids.length === 0) throw fault;
  return { vectors: new Embeddings(concatFloats(parts), ids.length, model.dimensions), ids, skipped };
}

/** Only what is wrong with one file can be left out: what breaks the model or the machine is the command's. */
function isFileFault(error: unknown): error is EmbedlaneError {
  return (
    error instanceof EmbedlaneError && ['ERR_AUDIO', 'ERR_VIDEO', 'ERR_IMAGE', 'ERR_IO'].includes(error.code)
  );
}
