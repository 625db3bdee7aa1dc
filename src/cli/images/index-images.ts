import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import type { CliContext } from '../context.js';
import { writeFileIndex } from '../input/file-index.js';
import type { FoundFiles } from '../input/files.js';
import { DEFAULT_MODEL, type ModelFlags } from '../options.js';
import { count, duration, rate } from '../output/format.js';
import { lastingId } from '../output/index-folder.js';
import { startProgressBar } from '../output/progress-bar.js';
import { findImages } from './files.js';
import { DEFAULT_IMAGE_MODEL, loadImageModel } from './model.js';

export interface IndexImagesFlags extends ModelFlags {
  index: string;
  json?: boolean;
}

/**
 * The pictures of a source that is to be indexed as pictures: one that has more of them than of anything else, or
 * any at all with the bundled image model.
 */
export async function imagesToIndex(source: string, flags: ModelFlags): Promise<FoundFiles | undefined> {
  const files = await findImages(source);
  const wanted = flags.model === DEFAULT_IMAGE_MODEL;
  if (files.names.length > (wanted ? 0 : files.others)) return files;
  if (!wanted) return undefined;
  throw new EmbedlaneError(
    'ERR_INVALID_ARG',
    `Expected pictures in ${source} for the model ${flags.model} but found none`,
  );
}

/** `embedlane index` of pictures. Those that cannot be read are left out and listed. */
export async function indexImages(
  files: FoundFiles,
  flags: IndexImagesFlags,
  { signal }: CliContext,
): Promise<void> {
  const { root, names, others } = files;
  await using model = await loadImageModel(flags, signal);
  const bar = startProgressBar('Embedding', 'pictures', names.length);
  const started = performance.now();
  const vectors = await model
    .encodeImage(
      names.map((name) => join(root, name)),
      { signal, onError: 'skip', onProgress: ({ completed }) => bar.update(completed) },
    )
    .finally(() => bar.stop());
  const milliseconds = performance.now() - started;
  if (vectors.rows === 0) throw vectors.skipped[0].error;

  const { rows, dims } = await writeFileIndex(flags.index, 'pictures', {
    root,
    model: { id: lastingId(model.modelId), dtype: flags.dtype },
    ids: Array.from(vectors.indices, (index) => names[index]),
    vectors,
  });
  const skipped = vectors.skipped.map(({ index, error }) => ({ file: names[index], reason: error.message }));
  const perSecond = names.length / (milliseconds / 1000);
  if (flags.json) {
    const summary = { index: flags.index, pictures: rows, dims, skipped, others, model: model.modelId };
    process.stdout.write(`${JSON.stringify({ ...summary, milliseconds, picturesPerSecond: perSecond })}\n`);
    return;
  }
  for (const { file, reason } of skipped) process.stderr.write(`left out: ${file}: ${reason}\n`);
  const left = others > 0 ? `, ${count(others)} other files left out` : '';
  process.stdout.write(
    `${count(rows)} pictures embedded in ${duration(milliseconds)} (${rate(perSecond)} pictures/s${left}) with ${model.modelId}, in ${flags.index}\n`,
  );
  if (flags.model === DEFAULT_MODEL && model.encodeText === undefined) {
    process.stdout.write(
      'Search with: embedlane search --image <file>. To search with words, index with a CLIP model.\n',
    );
  }
}
