import type { Command } from 'commander';
import { EmbedlaneError, invalidArgument } from '../../core/errors.js';
import type { IndexHit } from '../../index/index.js';
import type { StoreFilter } from '../../stores/index.js';
import type { CliContext } from '../context.js';
import type { SearchImagesFlags } from '../images/search-images.js';
import type { FileKind } from '../input/file-index.js';
import type { SearchMediaFlags } from '../media/search-media.js';
import { DEFAULT_INDEX, integerOption, loadModel, type ModelFlags, repeated } from '../options.js';
import { count, duration } from '../output/format.js';
import { type Hit, renderHits } from '../output/hits.js';
import type { PassageIndex } from '../passages/passage-index.js';
import { filterOption } from '../stores/filter-option.js';

interface SearchFlags extends Omit<ModelFlags, 'model' | 'dtype'>, SearchImagesFlags, SearchMediaFlags {
  index: string;
  k: number;
  json?: boolean;
  full?: boolean;
  store?: string;
  filter?: StoreFilter;
  hybrid?: boolean;
}

export function registerSearch(program: Command, context: CliContext): void {
  program
    .command('search')
    .description(
      'Search an index by meaning; prints ranked passages with score, file and line, or pictures, or moments of sounds and films.',
    )
    .argument('[questions...]', 'one or more questions')
    .option('--index <folder>', 'index folder to read', DEFAULT_INDEX)
    .option('--store <url>', 'store to search instead: a folder, file:, postgres: …')
    .option('--filter <json>', 'only records of the store that match', filterOption)
    .option('--hybrid', "search the store's full text as well")
    .option('-k, --k <n>', 'passages per question', integerOption(1, 10_000), 5)
    .option('--threads <n>', 'inference threads (default: all cores)', integerOption(1, 1024))
    .option('--image <file>', 'search pictures or films with a picture (repeatable)', repeated)
    .option('--audio <file>', 'search sounds with a sound (repeatable)', repeated)
    .option('--html <file>', 'write a contact sheet of the pictures that were found')
    .option('--full', 'print whole passages')
    .option('--json', 'print one JSON object a question')
    .addHelpText(
      'after',
      `
Examples:
  $ embedlane search "how do I cancel a request?"
  $ embedlane search -k 3 --json "first question" "second question"`,
    )
    .action((questions: string[], flags: SearchFlags) => search(questions, flags, context));
}

async function search(questions: string[], flags: SearchFlags, context: CliContext): Promise<void> {
  const { signal } = context;
  const empty = questions.find((question) => question.trim() === '');
  if (empty !== undefined) throw invalidArgument('questions', 'a question with words in it', empty);
  if (flags.store !== undefined) {
    refuseFlags(flags, undefined, '--store');
    return searchStore(flags.store, questions, flags, signal);
  }
  if (flags.filter !== undefined || flags.hybrid !== undefined) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected --store for --filter and --hybrid');
  }
  const { openFileIndex } = await import('../input/file-index.js');
  const files = await openFileIndex(flags.index);
  refuseFlags(flags, files?.kind, flags.index);
  if (files?.kind === 'pictures') {
    const { searchImages } = await import('../images/search-images.js');
    return searchImages(questions, flags, files, context);
  }
  if (files) {
    const { searchMedia } = await import('../media/search-media.js');
    return searchMedia(questions, flags, files, context);
  }
  requireQuestions(questions);
  const { openPassageIndex } = await import('../passages/passage-index.js');
  await using index = await openPassageIndex(flags.index);
  const { id, dtype } = index.manifest.model;
  // The question has to go through the very model that the passages went through.
  const wanted = { model: id, dtype: dtype as ModelFlags['dtype'], threads: flags.threads };
  await using model = await loadModel(wanted, signal);
  const embedStarted = performance.now();
  const queries = await model.encodeQuery(questions, { signal });
  const searchStarted = performance.now();
  const top = await index.vectors.search(queries, { k: flags.k, signal });
  const finished = performance.now();

  questions.forEach((question, row) => {
    const hits = top.get(row).map((hit, rank) => toHit(index, hit, rank + 1));
    print(question, hits, flags);
  });
  if (!flags.json) {
    process.stdout.write(
      `${count(index.passages.length)} passages searched in ${duration(finished - searchStarted)}` +
        ` (question${questions.length === 1 ? '' : 's'} embedded in ${duration(searchStarted - embedStarted)})\n`,
    );
  }
}

async function searchStore(
  url: string,
  questions: string[],
  flags: SearchFlags,
  signal: AbortSignal,
): Promise<void> {
  requireQuestions(questions);
  const { k, filter, hybrid = false } = flags;
  const [{ openExisting }, { modelOf, searchPassages }] = await Promise.all([
    import('../stores/open-existing.js'),
    import('../stores/passage-store.js'),
  ]);
  await using found = await openExisting(url, signal);
  const wanted = await modelOf(found, url, signal);
  await found.close();
  await using embedder = await loadModel({ ...wanted, threads: flags.threads }, signal);
  await using store = await openExisting(url, signal, { embedder });
  for (const question of questions) {
    const hits = await searchPassages(store, question, { k, filter, hybrid, signal });
    print(question, hits, flags);
  }
}

function requireQuestions(questions: readonly string[]): void {
  if (questions.length > 0) return;
  throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected a question but received none');
}

function print(question: string, hits: readonly Hit[], { json, full }: SearchFlags): void {
  process.stdout.write(json ? `${JSON.stringify({ question, hits })}\n` : renderHits(question, hits, full));
}

/** Which kinds of index can be searched with what. */
const KINDS = { image: ['pictures', 'films'], html: ['pictures'], audio: ['sounds'] } as const;

function refuseFlags(flags: SearchFlags, kind: FileKind | undefined, where: string): void {
  for (const [flag, kinds] of Object.entries(KINDS) as [keyof typeof KINDS, readonly FileKind[]][]) {
    if (flags[flag] === undefined || (kind !== undefined && kinds.includes(kind))) continue;
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected an index of ${kinds.join(' or ')} for --${flag} but received ${where}`,
    );
  }
}

function toHit(index: PassageIndex, { id, score }: IndexHit, rank: number): Hit {
  return { rank, score, ...index.passages[id as number] };
}
