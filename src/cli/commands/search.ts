import type { Command } from 'commander';
import { EmbedlaneError } from '../../core/errors.js';
import type { IndexHit } from '../../index/index.js';
import type { CliContext } from '../context.js';
import { openImageIndex } from '../images/image-index.js';
import { type SearchImagesFlags, searchImages } from '../images/search-images.js';
import { DEFAULT_INDEX, integerOption, loadModel, type ModelFlags, repeated } from '../options.js';
import { count, duration } from '../output/format.js';
import type { Passage } from '../passages/collect.js';
import { openPassageIndex, type PassageIndex } from '../passages/passage-index.js';

interface SearchFlags extends Omit<ModelFlags, 'model' | 'dtype'>, SearchImagesFlags {
  index: string;
  k: number;
  json?: boolean;
  full?: boolean;
}

interface Hit extends Passage {
  rank: number;
  score: number;
}

/** Lines of a passage that are shown unless `--full` is given. */
const SHOWN_LINES = 4;

export function registerSearch(program: Command, context: CliContext): void {
  program
    .command('search')
    .description('Search an index by meaning; prints ranked passages with score, file and line.')
    .argument('[questions...]', 'one or more questions')
    .option('--index <folder>', 'index folder to read', DEFAULT_INDEX)
    .option('-k, --k <n>', 'passages per question', integerOption(1, 10_000), 5)
    .option('--threads <n>', 'inference threads (default: all cores)', integerOption(1, 1024))
    .option('--image <file>', 'search pictures with a picture (repeatable)', repeated)
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
  const images = await openImageIndex(flags.index);
  if (images) return searchImages(questions, flags, images, context);
  if (flags.image || flags.html !== undefined) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected an index of pictures for --image and --html but received ${flags.index}`,
    );
  }
  if (questions.length === 0)
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected a question but received none');
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
    process.stdout.write(
      flags.json ? `${JSON.stringify({ question, hits })}\n` : render(question, hits, flags.full),
    );
  });
  if (!flags.json) {
    process.stdout.write(
      `${count(index.passages.length)} passages searched in ${duration(finished - searchStarted)}` +
        ` (question${questions.length === 1 ? '' : 's'} embedded in ${duration(searchStarted - embedStarted)})\n`,
    );
  }
}

function toHit(index: PassageIndex, { id, score }: IndexHit, rank: number): Hit {
  return { rank, score, ...index.passages[id as number] };
}

function render(question: string, hits: readonly Hit[], full = false): string {
  const bold = process.stdout.isTTY ? (text: string) => `\x1b[1m${text}\x1b[22m` : (text: string) => text;
  let out = `${bold(`? ${question}`)}\n`;
  for (const hit of hits) {
    const about = hit.heading === undefined ? '' : `  (in ${printable(hit.heading)})`;
    out += `\n${String(hit.rank).padStart(3)}. ${hit.score.toFixed(4)}  ${hit.file}:${hit.line}${about}\n`;
    const lines = hit.text.split('\n').filter((line) => line !== '');
    const shown = full ? lines : lines.slice(0, SHOWN_LINES);
    for (const line of shown) out += `     ${printable(line)}\n`;
    if (shown.length < lines.length) out += '     …\n';
  }
  return `${out}\n`;
}

/** Control characters in indexed files must not reach the reader's terminal. */
function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
