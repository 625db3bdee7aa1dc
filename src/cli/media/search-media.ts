import { join } from 'node:path';
import { EmbedlaneError } from '../../core/errors.js';
import type { CliContext } from '../context.js';
import type { FileIndex } from '../input/file-index.js';
import { joinQuestions } from '../input/questions.js';
import { count, duration, timestamp } from '../output/format.js';
import { loadMediaModel, type MediaKind } from './model.js';
import { type Moment, parseMomentId } from './moment.js';

export interface SearchMediaFlags {
  k: number;
  threads?: number;
  json?: boolean;
  /** Pictures to search films with. */
  image?: string[];
  /** Sounds to search sounds with. */
  audio?: string[];
}

interface Hit extends Moment {
  rank: number;
  score: number;
  file: string;
  path: string;
}

/** How each kind is searched without words, and by which models with. */
const WAYS = { sounds: ['--audio', 'CLAP'], films: ['--image', 'CLIP'] } as const;

/** `embedlane search` in an index of sounds or films: prints the moments that were found. */
export async function searchMedia(
  questions: readonly string[],
  flags: SearchMediaFlags,
  { kind, manifest, vectors }: FileIndex,
  { signal }: CliContext,
): Promise<void> {
  const examples = (kind === 'sounds' ? flags.audio : flags.image) ?? [];
  const [flag, family] = WAYS[kind as MediaKind];
  if (questions.length + examples.length === 0) {
    throw new EmbedlaneError('ERR_INVALID_ARG', `Expected a question or ${flag} <file> but received neither`);
  }
  const { id, dtype } = manifest.model;
  await using model = await loadMediaModel(
    kind as MediaKind,
    { model: id, dtype, threads: flags.threads },
    { fps: 1, signal },
  );
  if (questions.length > 0 && !model.encodeText) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected ${flag} <file> for an index made with ${id}, which knows no words; index with a ${family} model to search with words`,
    );
  }
  const started = performance.now();
  const queries = joinQuestions(
    questions.length > 0 ? await model.encodeText?.(questions, { signal }) : undefined,
    examples.length > 0 ? await model.encodeExamples(examples, { signal }) : undefined,
  );
  const embedded = performance.now();
  const found = await vectors.search(queries, { k: flags.k, signal });
  const finished = performance.now();

  [...questions, ...examples].forEach((question, row) => {
    const hits = found.get(row).map(({ id, score }, i): Hit => {
      const { name, start, end } = parseMomentId(String(id));
      return { rank: i + 1, score, file: name, path: join(manifest.root, name), start, end };
    });
    process.stdout.write(flags.json ? `${JSON.stringify({ question, hits })}\n` : render(question, hits));
  });
  if (flags.json) return;
  const parts = kind === 'sounds' ? 'windows' : 'frames';
  process.stdout.write(
    `${count(vectors.size)} ${parts} searched in ${duration(finished - embedded)} (questions embedded in ${duration(embedded - started)})\n`,
  );
}

function render(question: string, hits: readonly Hit[]): string {
  const lines = hits.map(({ rank, score, file, start, end }) => {
    const place = end === undefined ? timestamp(start) : `${timestamp(start)}–${timestamp(end)}`;
    return `${String(rank).padStart(3)}. ${score.toFixed(4)}  ${file}  ${place}\n`;
  });
  return `? ${question}\n\n${lines.join('')}\n`;
}
