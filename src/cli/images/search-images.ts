import { join } from 'node:path';
import { destinationOf } from '../../core/atomic-file.js';
import type { Embeddings } from '../../core/embeddings.js';
import { EmbedlaneError } from '../../core/errors.js';
import type { CliContext } from '../context.js';
import type { FileIndex } from '../input/file-index.js';
import { joinQuestions } from '../input/questions.js';
import { count, duration } from '../output/format.js';
import { writeContactSheet } from './contact-sheet.js';
import { type ImageModel, loadImageModel } from './model.js';

export interface SearchImagesFlags {
  k: number;
  threads?: number;
  json?: boolean;
  /** Pictures to search with. */
  image?: string[];
  /** File for a contact sheet. */
  html?: string;
}

/** A question, in words or as a picture, and what was found for it. */
export interface ImageAnswer {
  question: string;
  /** Path of the question, if it is a picture. */
  picture: string | undefined;
  hits: { rank: number; score: number; file: string; path: string }[];
}

/** `embedlane search` in an index of pictures. */
export async function searchImages(
  questions: readonly string[],
  flags: SearchImagesFlags,
  { manifest, vectors }: FileIndex,
  { signal }: CliContext,
): Promise<void> {
  const pictures = flags.image ?? [];
  if (questions.length + pictures.length === 0) {
    throw new EmbedlaneError('ERR_INVALID_ARG', 'Expected a question or --image <file> but received neither');
  }
  if (flags.html !== undefined) await destinationOf(flags.html);
  const { id, dtype } = manifest.model;
  await using model = await loadImageModel({ model: id, dtype, threads: flags.threads }, signal);
  const started = performance.now();
  const queries = await embedQuestions(model, questions, pictures, signal);
  const embedded = performance.now();
  const found = await vectors.search(queries, { k: flags.k, signal });
  const finished = performance.now();

  const answers = [...questions, ...pictures].map((question, row): ImageAnswer => {
    const hits = found.get(row).map(({ id, score }, i) => {
      const file = String(id);
      return { rank: i + 1, score, file, path: join(manifest.root, file) };
    });
    return { question, picture: row < questions.length ? undefined : question, hits };
  });
  for (const answer of answers)
    process.stdout.write(flags.json ? `${JSON.stringify(answer)}\n` : render(answer));
  if (flags.html !== undefined) await writeContactSheet(flags.html, answers);
  if (flags.json) return;
  process.stdout.write(
    `${count(vectors.size)} pictures searched in ${duration(finished - embedded)} (questions embedded in ${duration(embedded - started)})\n`,
  );
  if (flags.html !== undefined) process.stdout.write(`Contact sheet: ${flags.html}\n`);
}

/** One row per question, words first. */
async function embedQuestions(
  model: ImageModel,
  questions: readonly string[],
  pictures: readonly string[],
  signal: AbortSignal,
): Promise<Embeddings> {
  if (questions.length > 0 && !model.encodeText) {
    throw new EmbedlaneError(
      'ERR_INVALID_ARG',
      `Expected --image <file> for an index made with ${model.modelId}, which knows no words; index with a CLIP model to search with words`,
    );
  }
  const texts = questions.length > 0 ? await model.encodeText?.(questions, { signal }) : undefined;
  const images = pictures.length > 0 ? await model.encodeImage(pictures, { signal }) : undefined;
  return joinQuestions(texts, images);
}

function render({ question, hits }: ImageAnswer): string {
  const lines = hits.map(
    ({ rank, score, file }) => `${String(rank).padStart(3)}. ${score.toFixed(4)}  ${file}\n`,
  );
  return `? ${question}\n\n${lines.join('')}\n`;
}
