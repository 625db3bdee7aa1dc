import type { Command } from 'commander';
import { EmbedlaneError } from '../../core/errors.js';
import type { OnProgress } from '../../core/progress.js';
import type { CliContext } from '../context.js';
import type { FileKind } from '../input/file-index.js';
import type { IndexMediaFlags } from '../media/index-media.js';
import {
  DEFAULT_INDEX,
  integerOption,
  loadModel,
  type ModelFlags,
  numberOption,
  withModel,
} from '../options.js';
import { bytes, count, duration, rate } from '../output/format.js';
import { lastingId, makeIndexFolder } from '../output/index-folder.js';
import { startProgressBar } from '../output/progress-bar.js';
import { DEFAULT_CHUNK_CHARS } from '../passages/chunk.js';
import { collectPassages, passageText } from '../passages/collect.js';
import { type CollectionFlags, collectionOf, withCollection } from '../stores/collection-options.js';

interface IndexFlags extends ModelFlags, IndexMediaFlags, CollectionFlags {
  index: string;
  store?: string;
  field: string;
  chunkChars: number;
  json?: boolean;
}

export function registerIndex(program: Command, context: CliContext): void {
  withCollection(withModel(program.command('index')))
    .description(
      'Index a folder of texts, pictures, sounds or films, a text file or a JSON-lines file for `embedlane search`.',
    )
    .argument('<source>', 'folder or file')
    .option('--index <folder>', 'index folder to write', DEFAULT_INDEX)
    .option('--store <url>', 'store to write to instead: a folder, file:, postgres: …')
    .option('--field <name>', 'field of JSON lines to index', 'text')
    .option(
      '--chunk-chars <n>',
      'largest passage, in characters',
      integerOption(50, 100_000),
      DEFAULT_CHUNK_CHARS,
    )
    .option('--fps <n>', 'frames per second of films', numberOption(0.001, 60), 1)
    .option('--json', 'print one JSON object instead of text')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane index docs/
  $ embedlane index photos/ --index photos.index
  $ embedlane index podcasts/ --model Xenova/clap-htsat-unfused --index podcasts.index
  $ embedlane index films/ --model openai/clip-vit-base-patch32 --fps 0.5 --index films.index
  $ embedlane index articles.jsonl --field body --index articles.index`,
    )
    .action((source: string, flags: IndexFlags) => index(source, flags, context));
}

async function index(source: string, flags: IndexFlags, context: CliContext): Promise<void> {
  const { signal } = context;
  const { imagesToIndex, indexImages } = await import('../images/index-images.js');
  const images = await imagesToIndex(source, flags);
  requireStore(flags);
  if (images) {
    requireTexts(flags, 'pictures');
    await makeIndexFolder(flags.index);
    return indexImages(images, flags, context);
  }
  const { indexMedia, mediaToIndex } = await import('../media/index-media.js');
  const media = await mediaToIndex(source);
  if (media) {
    requireTexts(flags, media.kind);
    await makeIndexFolder(flags.index);
    return indexMedia(media, flags, context);
  }
  const { field, chunkChars: maxChars } = flags;
  const { passages, files, skipped } = await collectPassages(source, { field, maxChars, signal });
  if (passages.length === 0) {
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected text in ${source} but received none`);
  }
  if (flags.store === undefined) await makeIndexFolder(flags.index);

  await using model = await loadModel(flags, signal);
  const bar = startProgressBar('Embedding', 'passages', passages.length);
  const started = performance.now();
  if (flags.store !== undefined) {
    const { storePassages } = await import('../stores/passage-store.js');
    const onProgress: OnProgress = ({ completed }) => bar.update(completed);
    await storePassages(flags.store, model, {
      source,
      dtype: flags.dtype,
      collection: collectionOf(flags),
      passages,
      signal,
      onProgress,
    }).finally(() => bar.stop());
    await printStored(flags, {
      files,
      skipped,
      passages: passages.length,
      milliseconds: performance.now() - started,
    });
    return;
  }
  let tokens = 0;
  const vectors = await model
    .encodeDocument(passages.map(passageText), {
      signal,
      onProgress: (progress) => {
        bar.update(progress.completed);
        tokens = progress.tokens ?? tokens;
      },
    })
    .finally(() => bar.stop());
  const elapsed = performance.now() - started;

  const { forgetFileIndex } = await import('../input/file-index.js');
  await forgetFileIndex(flags.index);
  const { writePassageIndex } = await import('../passages/passage-index.js');
  const manifest = await writePassageIndex(flags.index, {
    source,
    model: { id: lastingId(model.modelId), dtype: flags.dtype },
    passages,
    vectors,
  });
  const size = manifest.passages.bytes + manifest.vectors.bytes;
  const perSecond = passages.length / (elapsed / 1000);
  if (flags.json) {
    const { rows, dims } = manifest;
    const summary = {
      index: flags.index,
      files,
      skipped,
      passages: rows,
      dims,
      milliseconds: elapsed,
      bytes: size,
    };
    process.stdout.write(
      `${JSON.stringify({ ...summary, model: manifest.model, passagesPerSecond: perSecond })}\n`,
    );
    return;
  }
  const tokenRate = tokens > 0 ? `, ${count(tokens / (elapsed / 1000))} tokens/s` : '';
  const left = skipped.length > 0 ? ` (${count(skipped.length)} left out: not text)` : '';
  process.stdout.write(
    `${count(passages.length)} passages of ${count(files)} file${files === 1 ? '' : 's'}${left} embedded in ${duration(elapsed)}` +
      ` (${rate(perSecond)} passages/s${tokenRate}), ${bytes(size)} in ${flags.index}\n`,
  );
}

/** Only passages of texts go to a store. */
function requireTexts({ store }: IndexFlags, received: FileKind): void {
  if (store === undefined) return;
  throw new EmbedlaneError('ERR_INVALID_ARG', `Expected texts for --store but received ${received}`);
}

/** What a new collection is like says nothing of an index in a folder. */
function requireStore({ store, metric, storeDtype, indexType }: IndexFlags): void {
  const given = Object.entries({
    '--metric': metric,
    '--store-dtype': storeDtype,
    '--index-type': indexType,
  });
  const [flag] = given.find(([, value]) => value !== undefined) ?? [];
  if (store === undefined && flag !== undefined) {
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected --store <url> with ${flag}`);
  }
}

async function printStored(
  { store = '', json }: IndexFlags,
  summary: { files: number; skipped: string[]; passages: number; milliseconds: number },
): Promise<void> {
  const { withoutPassword } = await import('../../stores/base/url.js');
  const url = withoutPassword(store);
  if (json) {
    process.stdout.write(`${JSON.stringify({ store: url, ...summary })}\n`);
    return;
  }
  const { files, passages, milliseconds } = summary;
  process.stdout.write(
    `${count(passages)} passages of ${count(files)} file${files === 1 ? '' : 's'} embedded in ${duration(milliseconds)}` +
      ` (${rate(passages / (milliseconds / 1000))} passages/s), stored in ${url}\n`,
  );
}
